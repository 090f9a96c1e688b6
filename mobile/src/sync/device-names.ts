import type { Api } from './api';

/** What people call the account's other devices. */
export class DeviceNames {
  private names = new Map<string, string>();

  constructor(private readonly api: Api) {}

  /** The name of the one device among these; null when there are several or none, or it cannot be learned now. */
  async nameOf(deviceIds: ReadonlySet<string>): Promise<string | null> {
    const [deviceId] = deviceIds;
    if (deviceId === undefined || deviceIds.size > 1) return null;
    if (!this.names.has(deviceId)) await this.learn().catch(() => undefined);
    return this.names.get(deviceId) ?? null;
  }

  private async learn(): Promise<void> {
    const devices = await this.api.request<{ device_id: string; name: string }[]>('GET', '/auth/devices');
    this.names = new Map(devices.map(({ device_id, name }) => [device_id, name]));
  }
}
