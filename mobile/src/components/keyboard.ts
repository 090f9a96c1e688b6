import { useIsFocused } from '@react-navigation/native';
import { useEffect, useRef } from 'react';
import { Platform } from 'react-native';

/**
 * Hears the keys of a hardware keyboard in the browser while the screen is in front and no dialog over it. Keys typed into a field, and
 * Enter and Space on a control reached by Tab, stay with them.
 * @param onKey answers whether it made use of the key, named as in `KeyboardEvent.key`
 */
export function useKeyboard(onKey: (key: string) => boolean): void {
  const isFocused = useIsFocused();
  const handler = useRef(onKey);
  useEffect(() => {
    handler.current = onKey;
  });
  useEffect(() => {
    if (Platform.OS !== 'web' || !isFocused) return;
    // The browser's own :focus-visible turns true for a control that was clicked, too, once a key is pressed.
    let isReachedByTab = false;
    const onPointer = () => {
      isReachedByTab = false;
    };
    const listener = (event: KeyboardEvent) => {
      if (event.key === 'Tab') isReachedByTab = true;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target as HTMLElement;
      if (target.closest('input, textarea, select') || document.querySelector('[role="dialog"]')) return;
      const isOnControl = isReachedByTab && target !== document.body;
      if (isOnControl && (event.key === 'Enter' || event.key === ' ')) return;
      if (!handler.current(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
    };
    // While capturing, for a control that was clicked would otherwise take Enter first.
    window.addEventListener('keydown', listener, true);
    window.addEventListener('pointerdown', onPointer);
    return () => {
      window.removeEventListener('keydown', listener, true);
      window.removeEventListener('pointerdown', onPointer);
    };
  }, [isFocused]);
}
