import type { Api } from '../api/api.js';

/** The names of the account's devices, read from the server when needed. */
export class DeviceNames {
  private names = new Map<string, string>();

  constructor(private readonly api: Api) {}

  /** The device's name if there is exactly one id; null for several or none, or when the server does not answer. */
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
