import { Platform } from 'react-native';

/** How this installation introduces itself until someone renames it. */
export function thisDevice(): { name: string; platform: string } {
  if (Platform.OS !== 'android')
    return { name: Platform.OS === 'ios' && Platform.isPad ? 'iPad' : 'iPhone', platform: 'ios' };
  const { Brand = 'Android', Model = 'phone' } = Platform.constants;
  return { name: `${Brand} ${Model}`, platform: 'android' };
}

/** Where the server is unless the person says otherwise; empty: nobody knows. */
export const defaultServerUrl = process.env.EXPO_PUBLIC_API_URL ?? '';
