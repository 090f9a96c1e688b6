import type { ReactNode } from 'react';
import { Pressable, StyleSheet, View, type ViewStyle } from 'react-native';
import type { RoundKey } from '../games/round-entry';
import { radius, space, TOUCH, useColors } from '../theme';
import { AppText } from './AppText';
import { Icon } from './Icon';

const ROWS = 4;
const HEIGHT = ROWS * 60 + (ROWS - 1) * space.s;
const LOW_HEIGHT = ROWS * TOUCH + (ROWS - 1) * space.s;

/** The keypad that enters a round, with keys large enough for a thumb. */
export function Keypad({
  onKey,
  isBonus,
  canUndo,
  nextLabel,
  onNext,
  isLow,
}: {
  onKey: (key: RoundKey) => void;
  /** Whether digits are entered as the bonus. */
  isBonus: boolean;
  canUndo: boolean;
  nextLabel: string;
  onNext: () => void;
  /** Whether the screen has little height. */
  isLow: boolean;
}) {
  const colors = useColors();
  const digit = (value: string) => (
    <Key
      key={value}
      testID={`key-${value}`}
      label={value}
      onPress={() => onKey({ key: 'digit', digit: value })}
    >
      <AppText kind="number">{value}</AppText>
    </Key>
  );
  return (
    <View style={[styles.pad, { height: isLow ? LOW_HEIGHT : HEIGHT }]}>
      <View style={styles.row}>
        {['1', '2', '3'].map(digit)}
        <Key testID="key-back" label="Erase" onPress={() => onKey({ key: 'back' })}>
          <Icon name="erase" color={colors.ink} />
        </Key>
      </View>
      <View style={styles.row}>
        {['4', '5', '6'].map(digit)}
        <Key testID="key-undo" label="Undo" isDisabled={!canUndo} onPress={() => onKey({ key: 'undo' })}>
          <Icon name="undo" color={colors.ink} />
        </Key>
      </View>
      <View style={styles.row}>
        {['7', '8', '9'].map(digit)}
        <Key testID="bonus-toggle" label="Bonus" isPressed={isBonus} onPress={() => onKey({ key: 'bonus' })}>
          <AppText kind="smallStrong" color={isBonus ? colors.onAccent : colors.ink}>
            Bonus
          </AppText>
        </Key>
      </View>
      <View style={styles.row}>
        <Key testID="key-minus" label="Minus" onPress={() => onKey({ key: 'minus' })}>
          <AppText kind="number">−</AppText>
        </Key>
        {digit('0')}
        <Key testID="key-next" label={nextLabel} onPress={onNext} isPrimary style={styles.wide}>
          <AppText kind="heading" color={colors.onAccent}>
            {nextLabel}
          </AppText>
        </Key>
      </View>
    </View>
  );
}

function Key(props: {
  testID: string;
  label: string;
  onPress: () => void;
  children: ReactNode;
  /** Whether a toggle key is on; absent: it is no toggle. */
  isPressed?: boolean;
  isPrimary?: boolean;
  isDisabled?: boolean;
  style?: ViewStyle;
}) {
  const colors = useColors();
  const isFilled = props.isPressed || props.isPrimary;
  return (
    <Pressable
      role={props.isPressed === undefined ? 'button' : 'switch'}
      aria-label={props.label}
      aria-checked={props.isPressed}
      aria-disabled={props.isDisabled}
      disabled={props.isDisabled}
      testID={props.testID}
      onPress={props.onPress}
      style={({ pressed }) => [
        styles.key,
        {
          backgroundColor: isFilled ? colors.accent : pressed ? colors.tide : colors.sheet,
          borderColor: isFilled ? colors.accent : colors.rule,
        },
        pressed && styles.pressed,
        props.isDisabled && styles.disabled,
        props.style,
      ]}
    >
      {props.children}
    </Pressable>
  );
}

const styles = StyleSheet.create({
  pad: { gap: space.s },
  row: { flex: 1, flexDirection: 'row', gap: space.s },
  key: {
    flexGrow: 1,
    flexShrink: 1,
    flexBasis: 0,
    borderRadius: radius.m,
    borderWidth: 1,
    alignItems: 'center',
    justifyContent: 'center',
  },
  wide: { flexGrow: 2, flexBasis: space.s },
  pressed: { opacity: 0.75 },
  disabled: { opacity: 0.4 },
});
