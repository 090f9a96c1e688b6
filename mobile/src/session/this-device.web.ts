const BROWSERS: [mark: RegExp, name: string][] = [
  [/Edg\//, 'Edge'],
  [/Firefox\//, 'Firefox'],
  [/Chrom(e|ium)\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];
const SYSTEMS: [mark: RegExp, name: string][] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Mac OS X/, 'Mac'],
  [/Windows/, 'Windows'],
  [/Linux/, 'Linux'],
];

/** The name and the platform that this installation registers with. */
export function thisDevice(): { name: string; platform: string } {
  const find = (marks: [RegExp, string][], fallback: string): string =>
    marks.find(([mark]) => mark.test(navigator.userAgent))?.[1] ?? fallback;
  return { name: `${find(BROWSERS, 'Browser')} on ${find(SYSTEMS, 'a computer')}`, platform: 'web' };
}

// `||`, because builds leave an unset variable as an empty text.
/** The server's origin unless the user set another one: by default the server that served this page. */
export const defaultServerUrl = process.env.EXPO_PUBLIC_API_URL || window.location.origin;
