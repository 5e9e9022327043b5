/** What the answers of all children to the lookup of a name mean. */
import { FileType } from '../../../../graph/iatt.ts';
import type { Answer } from '../directories/copies.ts';
import { isLinkto, linktoOf } from '../keys.ts';

export type Verdict =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'directory' }
  /** It is a directory on one child and a file on another. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'file'; readonly at: number };

/** Children with linkto files that lead nowhere, and whether the one that the name belongs to lacks one. */
export interface Repair {
  readonly stale: readonly number[];
  readonly lacksLinkto: boolean;
  /** Children with further files of this name, which no lookup leads to. */
  readonly shadowed: readonly number[];
}

interface Linkto {
  readonly child: number;
  readonly gfid: Buffer;
  readonly target: number;
}

/**
 * @param hashed the child that the name belongs to; -1 if none
 * @param named the child with this name; -1 if none
 */
export function judge(
  answers: readonly Answer[],
  hashed: number,
  named: (name: string | undefined) => number,
): { readonly verdict: Verdict; readonly repair: Repair } {
  const linktos: Linkto[] = [];
  const files: number[] = [];
  let directories = 0;
  for (const [child, { found }] of answers.entries()) {
    if (found === undefined) continue;
    const { iatt, xdata } = found;
    if (isLinkto(iatt, xdata)) linktos.push({ child, gfid: iatt.gfid, target: named(linktoOf(xdata)) });
    else if (iatt.type === FileType.DIR) directories++;
    else files.push(child);
  }
  const none: Repair = { stale: [], lacksLinkto: false, shadowed: [] };
  if (directories > 0) return { verdict: { kind: files.length > 0 ? 'conflict' : 'directory' }, repair: none };

  const gfidAt = (child: number) => answers[child]?.found?.iatt.gfid;
  const isRight = ({ child, gfid, target }: Linkto) =>
    child === hashed && files.includes(target) && gfidAt(target)!.equals(gfid);
  // A linkto file may point to a child that cannot be asked.
  const mayBeRight = ({ child, target }: Linkto) => child === hashed && target >= 0 && isUnasked(answers[target]);
  const right = linktos.find(isRight);
  const stale = linktos.filter(one => one !== right && !mayBeRight(one)).map(({ child }) => child);
  if (files.length === 0) return { verdict: { kind: 'nothing' }, repair: { ...none, stale } };

  const at = files.includes(hashed) ? hashed : (right?.target ?? files[0]!);
  const isThere = right !== undefined || linktos.some(mayBeRight);
  const shadowed = files.filter(child => child !== at);
  const lacksLinkto = hashed >= 0 && at !== hashed && !isThere;
  return { verdict: { kind: 'file', at }, repair: { stale, lacksLinkto, shadowed } };
}

const isUnasked = (answer: Answer | undefined): boolean =>
  answer?.error instanceof Error && 'code' in answer.error && answer.error.code === 'ENOTCONN';
