/** Describes the options of xlators, from their declarations. */
import { dirname, join } from 'node:path';
import { type Effect, type Option, showOption } from '../../graph/options.ts';
import { FILE_TYPE, loadUserXlator } from '../../graph/user-xlator.ts';
import type { XlatorClass } from '../../graph/xlator.ts';
import { didYouMean } from '../../volfile/did-you-mean.ts';
import { GLUSTERD_VOLUME, GLUSTERD_VOLUME_DOC, GLUSTERD_VOLUME_OPTIONS } from '../../glusterd/wanted.ts';
import { XLATORS } from '../../xlators/registry.ts';
import { FOREIGN_LAYERS } from '../../xlators/foreign.ts';
import { usageError } from '../failure.ts';

export interface OptionReport {
  /** The name in a volfile. `VOLUME` in it stands for the name of a subvolume. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly doc: string;
  /** What the value must be. */
  readonly expected: string;
  /** The default as a volfile would have it, or what holds while the option is not set; `none` if there is nothing. */
  readonly default: string;
  readonly required: boolean;
  readonly effect: Effect;
  /** The option limits access, so it stops the start where it is not understood. */
  readonly limitsAccess: boolean;
}

/** An option of other software that a volfile may contain. */
export interface ForeignReport {
  readonly name: string;
  /** Why it has no effect here. */
  readonly ignored?: string;
  /** The same, for one that needs no warning. */
  readonly unused?: string;
  /** What to write in place of it. */
  readonly instead?: string;
}

/** What a report is made of. */
type Described = Pick<XlatorClass, 'doc' | 'options' | 'foreign' | 'children'>;

export interface XlatorReport {
  readonly type: string;
  /** What the xlator does; absent for a user's own xlator that does not say. */
  readonly doc?: string;
  /** The least and the greatest number of subvolumes; no greatest number if it takes any number. */
  readonly subvolumes: { readonly min: number; readonly max?: number };
  readonly options: readonly OptionReport[];
  readonly foreign: readonly ForeignReport[];
}

/** Reports on the layers of GlusterFS that are not built here. */
export const FOREIGN_REPORTS: readonly ForeignReport[] = Object.entries(FOREIGN_LAYERS).map(([name, rule]) => ({
  name,
  ...rule,
}));

/** Types that are written out before a graph is made, so that no xlator has them. */
const WRITTEN_OUT: Readonly<Record<string, () => Promise<Described>>> = {
  [GLUSTERD_VOLUME]: async () => ({ doc: GLUSTERD_VOLUME_DOC, options: GLUSTERD_VOLUME_OPTIONS, children: [0, 0] }),
};

const ALL: Readonly<Record<string, () => Promise<Described>>> = Object.fromEntries(
  Object.entries({ ...XLATORS, ...WRITTEN_OUT }).sort(([a], [b]) => (a < b ? -1 : 1)),
);

/** Reports on all types of this project, in their order. */
export function reportAll(): Promise<XlatorReport[]> {
  return Promise.all(Object.entries(ALL).map(async ([type, load]) => reportOf(type, await load())));
}

/** Reports on one type, which may also be a user's own: `file:PATH`. @throws {CliError} there is no such type */
export async function reportType(type: string): Promise<XlatorReport> {
  if (type.startsWith(FILE_TYPE)) {
    const here = join(process.cwd(), 'volfile'); // the path is relative to the current directory
    return reportOf(type, await loadUserXlator(type, here, dirname(here)));
  }
  const known = Object.keys(ALL);
  const foreign = FOREIGN_REPORTS.find(({ name }) => name === type);
  if (foreign !== undefined) {
    const doc = `A layer of GlusterFS that is not built here: it ${foreignText(foreign)}.`;
    return { type, doc, subvolumes: { min: 1 }, options: [], foreign: [] };
  }
  if (!Object.hasOwn(ALL, type)) {
    throw usageError(`expected a type (${known.join(', ')}, or file:PATH), found "${type}"${didYouMean(type, known)}`);
  }
  return reportOf(type, await ALL[type]!());
}

function reportOf(type: string, xlatorClass: Described): XlatorReport {
  const { doc, options = {}, foreign = {}, children: [min, max] = [1, 1] } = xlatorClass;
  return {
    type,
    ...(doc === undefined ? {} : { doc }),
    subvolumes: { min, ...(max === Infinity ? {} : { max }) },
    options: Object.entries(options).map(([key, option]) => optionReport(key, option)),
    foreign: Object.entries(foreign).map(([key, rule]) => ({ name: shownName(key), ...rule })),
  };
}

function optionReport(key: string, option: Option<unknown>): OptionReport {
  const { aliases = [], doc, expected, effect = 'reload', limits = false } = option;
  const { required = false, unset } = option.each ?? option;
  return {
    name: shownName(key),
    aliases: aliases.map(shownName),
    doc,
    expected,
    default: unset ?? (defaultOf(option.each ?? option) || 'none'),
    required: required && unset === undefined,
    effect,
    limitsAccess: limits,
  };
}

/** A pattern as people write it. */
const shownName = (key: string): string => key.replace('*', 'VOLUME');

/** The default as a volfile would have it; empty if there is none. */
const defaultOf = (option: Option<unknown>): string => showOption(option, option.default);

/** What becomes of an option or a layer of other software, as a phrase. */
export function foreignText({ ignored, unused, instead }: Omit<ForeignReport, 'name'>): string {
  const reason = ignored ?? unused;
  return reason === undefined ? `stops the start; write ${instead}` : `has no effect, since ${reason}`;
}
