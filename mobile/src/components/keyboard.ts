import { useIsFocused } from '@react-navigation/native';
import { useEffect, useRef } from 'react';
import { Platform } from 'react-native';

/**
 * Listens to the hardware keyboard in a browser while the screen is focused and no dialog is open. Keys typed into a
 * field, and Enter and Space on a control reached by Tab, are left to the browser.
 * @param onKey gets the key as in `KeyboardEvent.key`; returns whether it used the key
 */
export function useKeyboard(onKey: (key: string) => boolean): void {
  const isFocused = useIsFocused();
  const handler = useRef(onKey);
  useEffect(() => {
    handler.current = onKey;
  });
  useEffect(() => {
    if (Platform.OS !== 'web' || !isFocused) return;
    // `:focus-visible` is no help: after a key press it is also true for a control that was clicked.
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
    // In the capture phase, because a control that was clicked would otherwise handle Enter first.
    window.addEventListener('keydown', listener, true);
    window.addEventListener('pointerdown', onPointer);
    return () => {
      window.removeEventListener('keydown', listener, true);
      window.removeEventListener('pointerdown', onPointer);
    };
  }, [isFocused]);
}
