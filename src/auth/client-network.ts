import ipaddr from 'ipaddr.js';

/** The network that rate limits count for an address: the /64 of an IPv6 address, or the IPv4 address itself. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address); // turns an IPv4-mapped IPv6 address into IPv4
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  return parsed.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':');
}
