/** IPv4 in dotted form also when it came in over an IPv6 socket, so that one client is one client. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** `host:port` for people, with brackets where the host has colons. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
