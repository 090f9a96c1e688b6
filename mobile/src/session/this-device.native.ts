import { Platform } from 'react-native';

/** The name and the platform that this installation registers with. */
export function thisDevice(): { name: string; platform: string } {
  if (Platform.OS !== 'android')
    return { name: Platform.OS === 'ios' && Platform.isPad ? 'iPad' : 'iPhone', platform: 'ios' };
  const { Brand = 'Android', Model = 'phone' } = Platform.constants;
  return { name: `${Brand} ${Model}`, platform: 'android' };
}

/** The server's origin unless the user set another one; empty: none is configured. */
export const defaultServerUrl = process.env.EXPO_PUBLIC_API_URL ?? '';
