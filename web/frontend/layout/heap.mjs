/** A binary heap of numbers by priority, smallest first. */
export class Heap {
  #entries = [];

  get size() {
    return this.#entries.length;
  }

  push(priority, value) {
    const heap = this.#entries;
    heap.push({ priority, value });
    for (let child = heap.length - 1; child > 0;) {
      const parent = (child - 1) >> 1;
      if (heap[parent].priority <= heap[child].priority) break;
      [heap[parent], heap[child]] = [heap[child], heap[parent]];
      child = parent;
    }
  }

  /** @returns {{priority: number, value: number}} */
  pop() {
    const heap = this.#entries;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length) {
      heap[0] = last;
      this.#sink();
    }
    return top;
  }

  #sink() {
    const heap = this.#entries;
    for (let parent = 0; ;) {
      let child = 2 * parent + 1;
      if (child >= heap.length) return;
      if (child + 1 < heap.length && heap[child + 1].priority < heap[child].priority) child++;
      if (heap[parent].priority <= heap[child].priority) return;
      [heap[parent], heap[child]] = [heap[child], heap[parent]];
      parent = child;
    }
  }
}
