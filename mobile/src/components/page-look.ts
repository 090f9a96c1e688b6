import { useEffect } from 'react';
import { Platform } from 'react-native';
import { useColors } from '../theme';

/** Gives the web page around the app the app's colors and a visible keyboard focus; does nothing on phones. */
export function usePageLook(): void {
  const colors = useColors();
  useEffect(() => {
    if (Platform.OS !== 'web') return;
    const style = document.createElement('style');
    style.textContent = `
      :root { color-scheme: light dark; }
      body { background-color: ${colors.paper}; overscroll-behavior-y: none; }
      :focus { outline: none; }
      :focus-visible { outline: 3px solid ${colors.accent}; outline-offset: 2px; }
      [role="button"], [role="switch"], [role="link"] { touch-action: manipulation; user-select: none; }
      @media (prefers-reduced-motion: reduce) { * { transition: none !important; animation: none !important; } }
    `;
    document.head.append(style);
    return () => style.remove();
  }, [colors]);
}
