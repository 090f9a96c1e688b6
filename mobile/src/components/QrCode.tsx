import { create } from 'qrcode';
import { useMemo } from 'react';
import { StyleSheet, View } from 'react-native';
import Svg, { Path } from 'react-native-svg';
import { radius, space } from '../theme';

const SIZE = 200;
/** Always dark on light, also in dark mode: cameras need it. */
const DARK = '#182830';
const LIGHT = '#ffffff';

/** A text as a QR code. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const { path, size } = useMemo(() => outline(text), [text]);
  return (
    <View role="img" aria-label={label} style={styles.frame}>
      <Svg width={SIZE} height={SIZE} viewBox={`0 0 ${size} ${size}`} aria-hidden>
        <Path d={path} fill={DARK} />
      </Svg>
    </View>
  );
}

/** One SVG path for all dark squares. */
function outline(text: string): { path: string; size: number } {
  const { modules } = create(text, { errorCorrectionLevel: 'M' });
  let path = '';
  for (let row = 0; row < modules.size; row += 1) {
    for (let column = 0; column < modules.size; column += 1) {
      if (modules.get(row, column)) path += `M${column} ${row}h1v1h-1z`;
    }
  }
  return { path, size: modules.size };
}

const styles = StyleSheet.create({
  frame: { alignSelf: 'center', padding: space.l, borderRadius: radius.m, backgroundColor: LIGHT },
});
