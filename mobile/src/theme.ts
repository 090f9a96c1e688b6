import { Platform, useColorScheme, type TextStyle } from 'react-native';

/** The colors of one appearance: paper and ink, with the sea as the only accent. */
export interface Colors {
  /** Behind everything. */
  paper: string;
  /** Surfaces on the paper: cards, keys, sheets. */
  sheet: string;
  ink: string;
  /** Secondary text; contrast at least 4.5 : 1 on paper and sheet. */
  inkSoft: string;
  /** Decorative lines. */
  rule: string;
  /** Edges of controls; contrast at least 3 : 1 on paper and sheet. */
  edge: string;
  accent: string;
  onAccent: string;
  /** The bar behind a player on the scoreboard, and selected items. */
  tide: string;
  danger: string;
  /** Behind a dialog. */
  veil: string;
  light: { grey: string; yellow: string; green: string; amber: string; red: string };
  /** The chart's lines, one color per player. */
  lines: readonly string[];
}

const day: Colors = {
  paper: '#f4efe4',
  sheet: '#fffdf7',
  ink: '#182830',
  inkSoft: '#53626a',
  rule: '#ddd4c2',
  edge: '#877f6f',
  accent: '#0b5a66',
  onAccent: '#ffffff',
  tide: '#cfe5e3',
  danger: '#a32c22',
  veil: 'rgba(12, 28, 34, 0.5)',
  light: { grey: '#76828a', yellow: '#b98900', green: '#1f8a54', amber: '#cf6412', red: '#c0352a' },
  lines: ['#0b5a66', '#b1472f', '#6b5aa8', '#7a6a00', '#a83a72', '#2d7a3e', '#35629c', '#6e4f3a'],
};

const night: Colors = {
  paper: '#0d181d',
  sheet: '#15242a',
  ink: '#f0eadd',
  inkSoft: '#a6b4b8',
  rule: '#2a3b42',
  edge: '#6f8189',
  accent: '#7fcfcd',
  onAccent: '#06272b',
  tide: '#173f45',
  danger: '#ff9a8d',
  veil: 'rgba(0, 0, 0, 0.6)',
  light: { grey: '#93a0a6', yellow: '#e6be3c', green: '#4cc486', amber: '#f0913f', red: '#ff7567' },
  lines: ['#7fcfcd', '#f0937a', '#b5a5f0', '#d9c75a', '#ee92bf', '#86cf8f', '#8fb8ee', '#cda98d'],
};

/** The colors for the device's setting, light or dark. */
export function useColors(): Colors {
  return useColorScheme() === 'dark' ? night : day;
}

/** Distances in points: multiples of 4. */
export const space = { xs: 4, s: 8, m: 12, l: 16, xl: 24, xxl: 32, huge: 48 } as const;

/** Corner radii in points. */
export const radius = { s: 6, m: 10, l: 16, round: 999 } as const;

/** The smallest side of a touch target, in points. */
export const TOUCH = 48;

/** From this width on, a game's scoreboard stands beside its rounds. */
export const TWO_COLUMNS = 720;
/** From this width on, the list of games stays beside the game. */
export const THREE_COLUMNS = 1120;

const serif = Platform.select({
  web: '"Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", "Noto Serif", serif',
  ios: 'Palatino',
  default: 'serif',
});
const sans = Platform.select({
  web: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  default: undefined,
});
const tabular: TextStyle = { fontVariant: ['tabular-nums', 'lining-nums'] };

/** The type scale; sizes in points. Headings use a serif font, numbers use figures of equal width. */
export const type = {
  figure: { fontFamily: sans, fontSize: 52, lineHeight: 56, fontWeight: '600', ...tabular },
  number: { fontFamily: sans, fontSize: 34, lineHeight: 40, fontWeight: '600', ...tabular },
  title: { fontFamily: serif, fontSize: 28, lineHeight: 34, fontWeight: '600' },
  heading: { fontFamily: serif, fontSize: 20, lineHeight: 26, fontWeight: '600' },
  body: { fontFamily: sans, fontSize: 16, lineHeight: 24, fontWeight: '400', ...tabular },
  strong: { fontFamily: sans, fontSize: 16, lineHeight: 24, fontWeight: '600', ...tabular },
  small: { fontFamily: sans, fontSize: 14, lineHeight: 20, fontWeight: '400', ...tabular },
  smallStrong: { fontFamily: sans, fontSize: 14, lineHeight: 20, fontWeight: '600', ...tabular },
  tiny: { fontFamily: sans, fontSize: 12, lineHeight: 16, fontWeight: '500', ...tabular },
} as const satisfies Record<string, TextStyle>;
