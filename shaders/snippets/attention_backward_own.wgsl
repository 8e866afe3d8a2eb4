let id = params.first + workgroup_id.y * num_workgroups.x + workgroup_id.x;
let own_seq = select(params.seq_q, params.seq_kv, KEYS);
let own_heads = select(params.heads, params.heads / params.group, KEYS);
let tiles = (own_seq + TILE - 1u) / TILE;
let all_heads = own_heads * params.batch;
// Longest work first: under a causal mask the first keys are seen by most queries, and the last queries see most keys.
let all_head = id % all_heads;
let tile = id / all_heads;
let own_head = all_head % own_heads;
let batch = all_head / own_heads;
let first_own = select(tiles - 1u - tile, tile, KEYS) * TILE;

// A workgroup past the last tile has no blocks and writes nothing.
let inside = tile < tiles;
var lengths = vec2<u32>();
if (inside) {
    lengths = rows[params.batch * params.heads * params.seq_q + batch];
}
let own_count = select(lengths.x, lengths.y, KEYS);
let other_count = select(lengths.y, lengths.x, KEYS);
// begin and end bound the other rows that any own row sees or is seen by. Query i stands at key i + shift.
let shift = i32(lengths.y) - i32(lengths.x);
let last_own = i32(min(first_own + TILE, own_count)) - 1;
var begin = i32(first_own) + shift - params.behind + 1;
var end = last_own + shift + params.ahead;
if (KEYS) {
    begin = i32(first_own) - shift - params.ahead + 1;
    end = last_own - shift + params.behind;
}
begin = max(begin, 0);
end = select(0, min(end, i32(other_count)), first_own < own_count);

var own_1 = rows_of(params.q, batch, own_head, own_count);
var own_2 = rows_of(params.o, batch, own_head, own_count);
if (KEYS) {
    own_1 = rows_of(params.k, batch, own_head, own_count);
    own_2 = rows_of(params.v, batch, own_head, own_count);
}
