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

/** How this installation introduces itself until someone renames it. */
export function thisDevice(): { name: string; platform: string } {
  const find = (marks: [RegExp, string][], fallback: string): string =>
    marks.find(([mark]) => mark.test(navigator.userAgent))?.[1] ?? fallback;
  return { name: `${find(BROWSERS, 'Browser')} on ${find(SYSTEMS, 'a computer')}`, platform: 'web' };
}

// Empty counts as not set: that is how builds leave it.
/** Where the server is unless the person says otherwise: it served this page. */
export const defaultServerUrl = process.env.EXPO_PUBLIC_API_URL || window.location.origin;
