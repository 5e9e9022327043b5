import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { Linked, type Neighbours } from '#src/linked.ts';

class Element implements Neighbours<Element> {
  newer: Element | undefined;
  older: Element | undefined;
}

function elementsOf(list: Linked<Element>): Element[] {
  const elements: Element[] = [];
  for (let at = list.oldest; at !== undefined; at = at.newer) elements.push(at);
  return elements;
}

t.test('elements stand in the order in which they were added, whatever is removed', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), steps => {
      const list = new Linked<Element>();
      let model: Element[] = [];
      for (const step of steps) {
        const found = model[step];
        if (found === undefined) {
          const element = new Element();
          list.add(element);
          model.push(element);
        } else {
          list.remove(found);
          model = model.filter(one => one !== found);
          assert.ok(found.newer === undefined && found.older === undefined && !list.has(found));
        }
        assert.deepEqual(
          elementsOf(list).map(one => model.indexOf(one)),
          [...model.keys()],
        );
        assert.equal(list.newest, model.at(-1));
        assert.ok(model.every(one => list.has(one)));
      }
    }),
  );
});
