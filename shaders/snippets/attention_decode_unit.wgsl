let split = params.first_split + workgroup_id.y;
let of_all = params.first + workgroup_id.x;
let run = of_all / params.row_tiles;
let batch = run / KV_HEADS;
let size = sizes(batch);
let unit = Unit(batch, run % KV_HEADS, of_all % params.row_tiles * ROWS, size.x, size.y);

// The first row sees the earliest key. The last row that exists sees the latest one.
let rows = min(ROWS, params.seq_q * GROUP - unit.first_row);
let sees_first = visible(unit, 0u).x;
var sees_last = sees_first;
