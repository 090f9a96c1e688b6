import { Pressable, StyleSheet, type StyleProp, type ViewStyle } from 'react-native';
import { radius, space, TOUCH, useColors, type Colors } from '../theme';
import { AppText } from './AppText';
import { Icon, type IconName } from './Icon';

interface Props {
  label: string;
  /** What the button acts upon, for screen readers, where several buttons have the same label. */
  about?: string;
  onPress: () => void;
  /** `primary`: the main action here; `danger`: cannot simply be undone. Default `secondary`. */
  look?: 'primary' | 'secondary' | 'quiet' | 'danger';
  icon?: IconName;
  isDisabled?: boolean;
  testID?: string;
  style?: StyleProp<ViewStyle>;
}

/** A button with a text label. */
export function Button({
  label,
  about,
  onPress,
  look = 'secondary',
  icon,
  isDisabled,
  testID,
  style,
}: Props) {
  const colors = useColors();
  const { background, border, ink } = dress(colors, look);
  return (
    <Pressable
      role="button"
      aria-label={about === undefined ? undefined : `${label}: ${about}`}
      testID={testID}
      disabled={isDisabled}
      aria-disabled={isDisabled}
      onPress={onPress}
      style={({ pressed }) => [
        styles.button,
        { backgroundColor: background, borderColor: border },
        pressed && styles.pressed,
        isDisabled && styles.disabled,
        style,
      ]}
    >
      {icon && <Icon name={icon} color={ink} size={20} />}
      <AppText kind="strong" color={ink} style={styles.label}>
        {label}
      </AppText>
    </Pressable>
  );
}

/** A button that shows only an icon; the label is for screen readers. */
export function IconButton({
  label,
  icon,
  onPress,
  color,
  isDisabled,
  testID,
}: {
  label: string;
  icon: IconName;
  onPress: () => void;
  color?: string;
  isDisabled?: boolean;
  testID?: string;
}) {
  const colors = useColors();
  return (
    <Pressable
      role="button"
      aria-label={label}
      aria-disabled={isDisabled}
      disabled={isDisabled}
      testID={testID}
      onPress={onPress}
      style={({ pressed }) => [
        styles.icon,
        pressed && { backgroundColor: colors.tide },
        isDisabled && styles.disabled,
      ]}
    >
      <Icon name={icon} color={color ?? colors.ink} />
    </Pressable>
  );
}

function dress(colors: Colors, look: NonNullable<Props['look']>) {
  switch (look) {
    case 'primary':
      return { background: colors.accent, border: colors.accent, ink: colors.onAccent };
    case 'secondary':
      return { background: colors.sheet, border: colors.edge, ink: colors.ink };
    case 'quiet':
      return { background: 'transparent', border: 'transparent', ink: colors.accent };
    case 'danger':
      return { background: colors.sheet, border: colors.danger, ink: colors.danger };
  }
}

const styles = StyleSheet.create({
  button: {
    minHeight: TOUCH,
    paddingHorizontal: space.l,
    paddingVertical: space.s,
    borderRadius: radius.m,
    borderWidth: 1,
    flexDirection: 'row',
    gap: space.s,
    alignItems: 'center',
    justifyContent: 'center',
  },
  label: { textAlign: 'center', flexShrink: 1 },
  icon: {
    width: TOUCH,
    height: TOUCH,
    borderRadius: radius.round,
    alignItems: 'center',
    justifyContent: 'center',
  },
  pressed: { opacity: 0.75 },
  disabled: { opacity: 0.45 },
});
