import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';

/** The client's network, as rate limits count it: the /64 of an IPv6 address, or the IPv4 address itself. */
export const ClientNetwork = createParamDecorator((_: unknown, context: ExecutionContext): string => {
  const { ip, socket } = context.switchToHttp().getRequest<FastifyRequest>();
  // A proxy that names no address in X-Forwarded-For is counted itself, as any text would be a client of its own.
  const address = parse(ip) ?? parse(socket.remoteAddress ?? '');
  if (address === null) return 'unknown'; // nobody's address: the connection has ended
  if (address instanceof ipaddr.IPv4) return address.toString();
  return address.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':');
});

const IPV4 = /^\d+\.\d+\.\d+\.\d+$/;

/** Reads an address as proxies write it: with a port, in brackets, with a zone, padded with zeros. Null: it is none. */
function parse(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  const bare = text.trim().replace(/^"(.*)"$/, '$1');
  const [, bracketed, plain] = /^\[([^[\]]*)\](?::\d*)?$|^([^:]*)(?::\d*)?$/.exec(bare) ?? [];
  const address = (bracketed ?? plain ?? bare).replace(/%.*$/, '').toLowerCase();
  const decimal = address.replace(/[\d.]+$/, (tail) => (IPV4.test(tail) ? withoutPadding(tail) : tail));
  // ipaddr.js would take `1` and `0x7f.1` as IPv4.
  if (!decimal.includes(':') && !IPV4.test(decimal)) return null;
  return ipaddr.isValid(decimal) ? ipaddr.process(decimal) : null; // turns an IPv4-mapped IPv6 address into IPv4
}

/** ipaddr.js would read a padded number as an octal one. */
function withoutPadding(ipv4: string): string {
  return ipv4.split('.').map(Number).join('.');
}
