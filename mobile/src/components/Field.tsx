import { useId, useState, type Ref } from 'react';
import { StyleSheet, TextInput, View, type TextInputProps } from 'react-native';
import { radius, space, TOUCH, type, useColors } from '../theme';
import { AppText } from './AppText';

interface Props extends Omit<TextInputProps, 'style'> {
  label: string;
  /** What is wrong with the value; absent: it is valid. */
  error?: string;
  /** Whether the label is only for screen readers. */
  hidesLabel?: boolean;
  ref?: Ref<TextInput>;
}

/** A labeled text field. */
export function Field({ label, error, hidesLabel = false, ...input }: Props) {
  const colors = useColors();
  const errorId = useId();
  // Only React Native for Web has these attributes; phones read the hint aloud instead.
  const fault = error === undefined ? {} : { 'aria-invalid': true, 'aria-describedby': errorId };
  const [isFocused, setFocused] = useState(false);
  return (
    <View style={styles.field}>
      {!hidesLabel && (
        <AppText kind="smallStrong" color={colors.inkSoft} aria-hidden>
          {label}
        </AppText>
      )}
      <TextInput
        {...input}
        {...fault}
        accessibilityHint={error}
        aria-label={label}
        placeholderTextColor={colors.inkSoft}
        onFocus={(event) => {
          setFocused(true);
          input.onFocus?.(event);
        }}
        onBlur={(event) => {
          setFocused(false);
          input.onBlur?.(event);
        }}
        style={[
          type.body,
          styles.input,
          {
            color: colors.ink,
            backgroundColor: colors.sheet,
            borderColor: error ? colors.danger : isFocused ? colors.accent : colors.edge,
          },
        ]}
      />
      {error !== undefined && (
        <AppText id={errorId} kind="small" color={colors.danger} role="alert">
          {error}
        </AppText>
      )}
    </View>
  );
}

const styles = StyleSheet.create({
  field: { gap: space.xs, flexGrow: 1, flexShrink: 1 },
  input: {
    minHeight: TOUCH,
    minWidth: 0,
    borderWidth: 1,
    borderRadius: radius.m,
    paddingHorizontal: space.m,
    paddingVertical: space.s,
  },
});
