/**
 * The sizes and prices of the layout, in one place. Lengths are pixels of the diagram; prices are
 * in the same unit, so that a bend of 95 is worth a detour of 95 pixels.
 */

/**
 * Width and height of a shape, by kind of node; the sizes that bpmn-js draws by default.
 * @type {Record<'task'|'gateway'|'event', [number, number]>}
 */
export const SHAPE = { task: [100, 80], gateway: [50, 50], event: [36, 36] };

/** Width of the name bands at the left of a pool and of a lane. */
export const HEADER = 30;
export const LANE_MIN_HEIGHT = 90;
export const LANE_PADDING = 22;
export const POOL_PADDING = 36;

/** Least width of the gutter between two columns and of the gap between two rows. */
export const COLUMN_GAP = 40;
export const ROW_GAP = 34;

/** Tracks are the parallel lines in gutters and gaps on which flows may run. */
export const TRACK_PITCH = 14;
export const TRACKS_A_GUTTER = 5;
export const TRACKS_A_GAP = 4;

/** A lane has at most this many rows. */
export const MAX_ROWS = 4;

/** Where, from the centre of its host, a boundary event sits. */
export const BOUNDARY_OFFSETS = [25, -25];
/** Clear space kept beside a boundary event, and how far the event juts out of its host. */
export const BOUNDARY_CLEARANCE = 32;
export const BOUNDARY_JUT = 18;

/** Font sizes of bpmn-js: names inside shapes and bands, and labels beside them. */
export const NAME_FONT = 12;
export const LABEL_FONT = 11;
/** Widest line of a node's label and of a flow's label. */
export const NODE_LABEL_WIDTH = 84;
export const FLOW_LABEL_WIDTH = 66;
/** What a node's label is wrapped at to stand between two flows. */
export const NARROW_LABEL_WIDTH = 45;

/** How far the slash of a default flow reaches from its source. */
export const DEFAULT_SLASH = 16;

/** What the router pays for. */
export const PRICE = { bend: 95, crossing: 165, overlap: 2500, labelHit: 160, clearance: 9 };

/** @param {{kind: 'task'|'gateway'|'event'}} node @returns {[number, number]} width, height */
export const shapeSize = (node) => SHAPE[node.kind];
