import type { DeviceInfo } from '@tidemark/client';
import { useCallback, useEffect, useState } from 'react';
import { StyleSheet, View } from 'react-native';
import { radius, space, useColors } from '../theme';
import { AppText } from './AppText';
import { Button, IconButton } from './Button';
import { ConfirmDialog, Dialog } from './Dialog';
import { Field } from './Field';
import { useTidemark, useSyncStatus, useValue } from './tidemark-context';
import { ago, messageOf } from './words';

const MAX_DEVICE_NAME = 100;

/** The devices of the account, which the user can rename and remove. */
export function Devices() {
  const colors = useColors();
  const tidemark = useTidemark();
  const account = useValue(tidemark.account);
  const { state } = useSyncStatus();
  const isOffline = state === 'disconnected';
  const [devices, setDevices] = useState<DeviceInfo[]>();
  const [error, setError] = useState<string>();

  const load = useCallback(async () => {
    setError(undefined);
    try {
      setDevices(await tidemark.listDevices());
    } catch (failure) {
      setError(messageOf(failure));
    }
  }, [tidemark]);
  useEffect(() => {
    if (account) void load();
  }, [account, isOffline, load]);

  if (!account) {
    return (
      <AppText color={colors.inkSoft}>This device signs in by itself once it reaches the server.</AppText>
    );
  }
  return (
    <View style={styles.list}>
      {error !== undefined && (
        <AppText color={colors.danger} role="alert">
          {error}
        </AppText>
      )}
      {devices?.map((device, index) => (
        <DeviceRow key={device.deviceId} device={device} place={index + 1} onChanged={load} />
      ))}
    </View>
  );
}

function DeviceRow({
  device,
  place,
  onChanged,
}: {
  device: DeviceInfo;
  /** Its place in the list, 1-based. */
  place: number;
  onChanged: () => Promise<void>;
}) {
  const colors = useColors();
  const tidemark = useTidemark();
  const [name, setName] = useState(device.name);
  const [open, setOpen] = useState<'rename' | 'remove' | null>(null);
  const [error, setError] = useState<string>();

  const act = async (work: () => Promise<void>) => {
    setOpen(null);
    setError(undefined);
    try {
      await work();
      await onChanged();
    } catch (failure) {
      setError(messageOf(failure));
    }
  };

  return (
    <View
      testID={`device-row-${place}`}
      style={[styles.device, { backgroundColor: colors.sheet, borderColor: colors.rule }]}
    >
      <View style={styles.words}>
        <AppText kind="strong" numberOfLines={1}>
          {device.name}
        </AppText>
        <AppText kind="small" color={colors.inkSoft}>
          {device.isCurrent ? 'This device' : `Seen ${ago(device.lastSeenAt, Date.now())}`}
        </AppText>
        {error !== undefined && (
          <AppText kind="small" color={colors.danger} role="alert">
            {error}
          </AppText>
        )}
      </View>
      <IconButton
        label={`Rename ${device.name}`}
        icon="edit"
        testID={`rename-device-${place}`}
        onPress={() => setOpen('rename')}
      />
      {!device.isCurrent && (
        <IconButton
          label={`Take off ${device.name}`}
          icon="trash"
          testID={`revoke-device-${place}`}
          onPress={() => setOpen('remove')}
        />
      )}
      <Dialog title="Rename device" isOpen={open === 'rename'} onClose={() => setOpen(null)}>
        <Field
          label="Name"
          value={name}
          onChangeText={setName}
          maxLength={MAX_DEVICE_NAME}
          testID="device-name"
        />
        <Button
          label="Save"
          look="primary"
          testID="save-device-name"
          isDisabled={name.trim() === ''}
          onPress={() => void act(() => tidemark.renameDevice(device.deviceId, name.trim()))}
        />
      </Dialog>
      <ConfirmDialog
        title={`Take off ${device.name}?`}
        isOpen={open === 'remove'}
        confirmLabel="Take it off"
        onConfirm={() => void act(() => tidemark.revokeDevice(device.deviceId))}
        onCancel={() => setOpen(null)}
      >
        <AppText>It keeps the games it has, but no longer gets or sends anything.</AppText>
      </ConfirmDialog>
    </View>
  );
}

const styles = StyleSheet.create({
  list: { gap: space.s },
  device: {
    flexDirection: 'row',
    alignItems: 'center',
    paddingLeft: space.l,
    paddingVertical: space.s,
    borderWidth: 1,
    borderRadius: radius.m,
  },
  words: { flex: 1, minWidth: 0 },
});
