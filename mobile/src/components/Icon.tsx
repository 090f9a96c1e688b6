import Svg, { Path } from 'react-native-svg';

const drawings = {
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  plus: 'M12 5v14M5 12h14',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  more: 'M12 5.2v.1M12 12v.1M12 18.8v.1',
  settings: 'M4 7h9M17 7h3M15 4.5v5M4 12h3M11 12h9M9 9.5v5M4 17h7M15 17h5M13 14.5v5',
  flag: 'M6 21V4M6 5c4-2.5 8 2.5 12 0v8c-4 2.5-8-2.5-12 0',
  undo: 'M9 8H15a5 5 0 010 10H8M9 8l3.5-3.5M9 8l3.5 3.5',
  retry: 'M19 12a7 7 0 11-2.3-5.2M17 2.8v4.2h-4.2',
  erase: 'M9 6h11v12H9l-6-6zM12 9.5l5 5M17 9.5l-5 5',
  share: 'M12 15V4M12 4L8 8M12 4l4 4M5 13v6h14v-6',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  edit: 'M5 19l1-4L16 5l3 3L9 18z',
  up: 'M6 14l6-6 6 6',
  down: 'M6 10l6 6 6-6',
  next: 'M9 5l7 7-7 7',
  tide: 'M2 9c3.3-3 6.7 3 10 0s6.7-3 10 0M2 15c3.3-3 6.7 3 10 0s6.7-3 10 0',
  crown: 'M4 18h16M4.5 15L3 7l5 4 4-6 4 6 5-4-1.5 8z',
  device: 'M7 3h10v18H7zM11 18h2',
  document: 'M6 3h8l4 4v14H6zM14 3v4h4',
  download: 'M12 4v11M12 15l-4-4M12 15l4-4M5 19h14',
  lock: 'M6 11h12v9H6zM9 11V8a3 3 0 016 0v3',
  upload: 'M12 15V4M12 4L8 8M12 4l4 4M5 19h14',
} as const;

/** The name of an icon. */
export type IconName = keyof typeof drawings;

/** A line icon, hidden from screen readers: the control that contains it has the label. */
export function Icon({ name, color, size = 24 }: { name: IconName; color: string; size?: number }) {
  return (
    <Svg width={size} height={size} viewBox="0 0 24 24" fill="none" aria-hidden>
      <Path
        d={drawings[name]}
        stroke={color}
        strokeWidth={name === 'more' ? 3 : 2}
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </Svg>
  );
}
