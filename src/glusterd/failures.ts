import type { RpcError } from '../rpcclnt/error.ts';
import { GlusterdError } from './error.ts';
import { type GlusterdAddress, serverText } from './servers.ts';

/** What was wrong with each server when it was last asked. */
export class Failures {
  readonly #last = new Map<string, { readonly code: string | undefined; readonly reason: string }>();

  add(server: GlusterdAddress, error: RpcError): void {
    const code = (error.cause as NodeJS.ErrnoException | undefined)?.code;
    this.#last.set(serverText(server), { code, reason: reasonOf(error, code) });
  }

  /** One error for all of `servers`. */
  error(servers: readonly GlusterdAddress[]): GlusterdError {
    const failed = servers.flatMap(server => {
      const last = this.#last.get(serverText(server));
      return last === undefined ? [] : [{ ...last, server }];
    });
    const reasons = failed.map(({ server, reason }) => `${serverText(server)}: ${reason}`).join('; ');
    const isNowhere = failed.every(({ code }) => code === 'ENOTFOUND');
    return new GlusterdError(isNowhere ? 'NO_HOST' : 'NO_ANSWER', `no glusterd answers (${reasons})`);
  }
}

function reasonOf(error: RpcError, code: string | undefined): string {
  if (code === 'ENOTFOUND') return 'no host has this name';
  if (code === 'EAI_AGAIN') return 'its name cannot be looked up at the moment';
  if (code === 'ECONNREFUSED') return 'glusterd does not run there, start it with "systemctl start glusterd"';
  if (error.code === 'TIMED_OUT') return 'it does not answer in time';
  return error.message;
}
