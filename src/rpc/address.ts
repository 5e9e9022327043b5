/** Writes an IPv4 address in dotted form, also if it came in over an IPv6 socket: a client has one address only. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** Returns `host:port`, with brackets around a host that has colons in it. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
