/** Rows are numbered inside each lane while placing, and over the whole pool for drawing. */

/**
 * Numbers the rows through all lanes, leaving out unused ones; an empty lane keeps one row.
 * @param {import('./graph.mjs').Model} model
 * @param {number[]} rowInLane by placed node
 * @returns {{rowOf: number[], laneOfRow: number[]}}
 */
export function stackRows(model, rowInLane) {
  const used = model.graph.lanes.map(() => new Set());
  model.placed.forEach((node, i) => used[node.lane].add(rowInLane[i]));
  const laneOfRow = [];
  const numbers = used.map((rows, lane) => {
    const number = new Map(
      [...rows].sort((a, b) => a - b).map((r, i) => [r, laneOfRow.length + i]),
    );
    for (let i = 0; i < Math.max(1, rows.size); i++) laneOfRow.push(lane);
    return number;
  });
  return { rowOf: model.placed.map((node, i) => numbers[node.lane].get(rowInLane[i])), laneOfRow };
}
