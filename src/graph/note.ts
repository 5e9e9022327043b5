/**
 * What a layer wants to find in `slots[slot]` of an inode or an fd, when the layer that makes the note answers before
 * that inode or fd exists. Notes form a list: each layer puts its own in front of those from below. A layer may only
 * use a slot of its own.
 */
export interface Note {
  readonly slot: number;
  readonly value: unknown;
  readonly next: Note | undefined;
}

/** Puts the values of all notes into the slots that they are for. */
export function keepNotes(slots: unknown[], first: Note | undefined): void {
  for (let note = first; note !== undefined; note = note.next) slots[note.slot] = note.value;
}

/** Puts a note in front of those of an object that belongs to the caller. `note.next` must be what is there already. */
export function addNote(to: { notes?: Note }, note: Note): void {
  to.notes = note;
}
