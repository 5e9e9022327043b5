/** Lists of hosts, as in `rpc-auth.addr.allow` and `export-dir`: which hosts are in them, and by which word. */
import { shown, VolfileError } from '../../../../volfile/volfile-error.ts';
import { formatIp, parseIp } from '../../../../rpc/ip.ts';
import { hostNames, type HostNames } from './host-names.ts';
import { type HostRule, matchHost, parseHostRule } from './host-rule.ts';
import { HOST_EXPECTED, whyNoHost } from './host-words.ts';

export interface HostVerdict {
  /** Whether the address is in the list, as far as is known. */
  readonly allowed: boolean;
  /** Whether a host name in the list may stand for the address, which is not known yet. */
  readonly undecided?: boolean;
  /** The word that matched; or all words if none did, with what is not known about the host names among them. */
  readonly rule: string;
  /** Where the list is written, `file:line`. */
  readonly where: string;
}

export interface ExportDir {
  /** The directory's path within the volume, from `/`. */
  readonly dir: string;
  /** The hosts that may mount it; `undefined` for all that may use the volume. */
  readonly hosts: HostRules | undefined;
}

interface Kept {
  readonly verdict: HostVerdict;
  readonly generation: number;
  readonly untilMs: number;
}

/** How many addresses have their verdicts kept. */
const KEPT_MAX = 4096;
/** A verdict that depends on names is kept this long. To make it anew has the names looked up again if they are due. */
const NAMES_KEPT_MS = 10_000;
/** The longest text of {@link HostVerdict.rule}, in characters. */
const RULE_TEXT_MAX = 200;
/** How long a call waits for names. */
const READY_MS = 2000;

export class HostRules {
  /** The words of the list as they were written, for EXPORT. */
  readonly words: readonly string[];
  readonly where: string;
  /** Whether names must be looked up for the list. Its verdicts then hold only while those names are known. */
  readonly hasNames: boolean;
  /** Whether every address is in the list. */
  readonly everyone: boolean;
  readonly #rules: readonly HostRule[];
  readonly #names: HostNames;
  readonly #kept = new Map<string, Kept>();

  /**
   * Parses a list whose words are separated by commas, bars or blanks: {@link HOST_EXPECTED}. `all` means everyone, and
   * `none` alone means no one.
   * @throws {VolfileError}
   */
  static parse(text: string, where: string, names: HostNames = hostNames): HostRules {
    const words = text.split(/[\s,|]+/).filter(word => word !== '');
    if (words.length === 0) throw VolfileError.expected(where, 'a list of hosts, or none', 'nothing');
    if (words.length === 1 && words[0]!.toLowerCase() === 'none') return new HostRules([], [], where, names);
    const rules = words.map(word => {
      const rule = parseHostRule(word);
      if (!rule) throw VolfileError.expected(where, HOST_EXPECTED, `${shown(word)}${whyNoHost(word)}`);
      return rule;
    });
    return new HostRules(words, rules, where, names);
  }

  /**
   * Parses directories with their lists: `/dir1(host1|192.168.1.0/24|*.example.org),/dir2`.
   * @throws {VolfileError}
   */
  static parseDirs(text: string, where: string, names: HostNames = hostNames): ExportDir[] {
    const found: ExportDir[] = [];
    const expected = '/DIR or /DIR(HOST|HOST…), with commas between';
    for (let rest = text.trim(); rest !== '';) {
      const parts = /^(\/[^(),]*)(?:\(([^()]*)\))?\s*(?:,\s*(?=\S)|$)/.exec(rest);
      if (!parts) throw VolfileError.expected(where, expected, shown(rest));
      const hosts = parts[2] === undefined ? undefined : HostRules.parse(parts[2], where, names);
      found.push({ dir: parts[1]!.trimEnd(), hosts });
      rest = rest.slice(parts[0].length);
    }
    if (found.length === 0) throw VolfileError.expected(where, expected, 'nothing');
    return found;
  }

  private constructor(words: readonly string[], rules: readonly HostRule[], where: string, names: HostNames) {
    this.words = words;
    this.where = where;
    this.#rules = rules;
    this.#names = names;
    this.hasNames = rules.some(({ kind }) => kind === 'name' || kind === 'names');
    this.everyone = rules.some(
      rule => rule.kind === 'any' || (rule.kind === 'network' && rule.masks.every(mask => mask === 0)),
    );
  }

  /** Whether no host can be in the list. */
  get nobody(): boolean {
    return this.#rules.length === 0;
  }

  /**
   * Returns the verdict from what is known now, without waiting for names; see {@link ready}. A verdict that depends on
   * names must not be kept.
   */
  match(address: string): HostVerdict {
    const kept = this.#kept.get(address);
    if (kept && !this.hasNames) return kept.verdict;
    const nowMs = this.hasNames ? this.#names.nowMs() : 0;
    if (kept && kept.generation === this.#names.generation && nowMs < kept.untilMs) return kept.verdict;
    const verdict = this.#match(address);
    if (this.#kept.size >= KEPT_MAX) this.#kept.clear();
    this.#kept.set(address, { verdict, generation: this.#names.generation, untilMs: nowMs + NAMES_KEPT_MS });
    return verdict;
  }

  /** Whether it is certain that the address is not in the list, and will not be. */
  excludes(address: string): boolean {
    return !this.hasNames && !this.match(address).allowed;
  }

  /** Waits until the names that decide on `address` are known, for `timeoutMs` at most. */
  async ready(address: string, timeoutMs = READY_MS): Promise<void> {
    if (!this.match(address).undecided) return;
    const names = this.#rules.flatMap(rule => (rule.kind === 'name' ? [rule.name] : []));
    const ip = parseIp(address);
    await this.#names.settled(ip ? formatIp(ip) : address, names, timeoutMs);
  }

  #match(address: string): HostVerdict {
    const { where } = this;
    const ip = parseIp(address);
    if (!ip) return { allowed: false, rule: `${shown(address)} is no address`, where };
    const plain = formatIp(ip);
    const unknown = new Set<string>();
    let undecided = false;
    for (const rule of this.#rules) {
      const matched = matchHost(rule, ip, plain, this.#names);
      if (matched.matches) return { allowed: true, rule: rule.text, where };
      if (matched.unknown !== undefined) unknown.add(matched.unknown);
      if (matched.undecided) undecided = true;
    }
    const all = this.words.length === 0 ? 'none' : this.words.join();
    const rule = unknown.size === 0 ? all : `${all} (${[...unknown].join(', ')})`;
    const shortened = rule.length > RULE_TEXT_MAX ? `${rule.slice(0, RULE_TEXT_MAX)}…` : rule;
    return { allowed: false, ...(undecided && { undecided }), rule: shortened, where };
  }
}
