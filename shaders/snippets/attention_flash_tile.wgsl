let tiles_q = (params.seq_q + TILE_Q - 1u) / TILE_Q;
let tile = params.first + workgroup_id.y * num_workgroups.x + workgroup_id.x;
let all_heads = params.batch * params.heads;
// Last rows first: under a causal mask they see the most keys, and a dispatch should end with short work. Under such a
// mask, one tile of every head comes before the next tile, so that no head has long rows left at the end. Otherwise the
// tiles of a head follow each other, so that few heads share the cache.
let causal = params.ahead < i32(params.seq_kv);
let plane = select(tile / tiles_q, tile % all_heads, causal);
let tile_q = select(tile % tiles_q, tile / all_heads, causal);
let first_query = (tiles_q - 1u - min(tile_q, tiles_q - 1u)) * TILE_Q;
let batch = plane / params.heads;
let head = plane % params.heads;

// A workgroup past the last head has no keys and writes nothing.
let there = tile < tiles_q * all_heads;
var queries = params.seq_q;
var keys = params.seq_kv;
if (LENGTHS && there) {
    queries = min(queries, lengths[2u * batch]);
    keys = min(keys, lengths[2u * batch + 1u]);
}
let written = select(0u, min(TILE_Q, params.seq_q - first_query), there);
let rows = min(written, max(queries, first_query) - first_query);
let position = i32(first_query) + i32(keys) - i32(queries);
// Later queries see later keys: the first and the last row bound the keys that any row sees, and those that all see.
let first_sees = visible_keys(position, keys);
var last_sees = vec2<u32>();
if (rows > 0u) {
    last_sees = visible_keys(position + i32(rows) - 1, keys);
}
let end = last_sees.y;
var begin = first_sees.x;   // first key of this dispatch
var stop = end;
if (KV_PER_DISPATCH > 0u) {
    begin = min(begin + params.first_step, max(begin, end));
    stop = min(begin + params.steps, end);
}
let kept_base = (tile - params.first_kept) * TILE_Q * KEPT_ROW;
let kv_head = head / params.group;
