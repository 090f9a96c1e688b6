import { Text, type TextProps } from 'react-native';
import { type, useColors } from '../theme';

interface Props extends TextProps {
  /** A step of the type scale; default `body`. */
  kind?: keyof typeof type;
  /** Default: ink. */
  color?: string;
}

/** Text in one of the sizes of the type scale. */
export function AppText({ kind = 'body', color, style, ...props }: Props) {
  const colors = useColors();
  return <Text {...props} style={[type[kind], { color: color ?? colors.ink }, style]} />;
}

/** A heading that screen readers can jump to; level 1 is the screen's title. */
export function Heading({ level, kind, ...props }: Props & { level: 1 | 2 | 3 }) {
  const size = kind ?? (level === 1 ? 'title' : level === 2 ? 'heading' : 'strong');
  return <AppText role="heading" aria-level={level} kind={size} {...props} />;
}
