import type { PeerLogger } from '../peer-log.ts';
import type { AuthRegistry } from './auth/registry.ts';
import type { ReplyCache } from './duplicates/reply-cache.ts';
import type { ProgramRegistry } from './registry.ts';

/** What a service's calls are looked up in. `programs` is replaced when a new graph takes over. */
export interface Service {
  programs: ProgramRegistry;
  readonly auth: AuthRegistry;
  readonly log: PeerLogger;
  /** Without one, a call that comes again is carried out again. */
  readonly replies?: ReplyCache;
}
