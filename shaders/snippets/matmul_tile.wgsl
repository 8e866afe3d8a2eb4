let tiles_m = (params.m + TILE_M - 1u) / TILE_M;
let tiles = tiles_m * params.tiles_n;
var id = workgroup_id.y * num_workgroups.x + workgroup_id.x;
if (BUDGET != 0u) {
    id += params.first;
}
let plane = id / tiles;
let tile = id % tiles;
let group = tile / (GROUP * tiles_m);
let in_group = tile % (GROUP * tiles_m);
let columns = min(GROUP, params.tiles_n - group * GROUP);
let own_row = in_group / columns * TILE_M;
let own_column = (group * GROUP + in_group % columns) * TILE_N;
var first_row = own_row;
var first_column = own_column;
if (!CLAMP) {
    // The last tiles begin earlier, so that they are full. Elements that belong to a neighbouring tile are not stored.
    first_row = min(own_row, params.m - TILE_M);
    first_column = min(own_column, params.n - TILE_N);
}

let matrix = plane / params.splits;
let k_begin = plane % params.splits * params.split_k;
// Workgroups past the last plane only fill the grid: they have no k and store no row.
let rows = select(0u, params.m, plane < params.planes);
let k_end = select(0u, min(params.k, k_begin + params.split_k), plane < params.planes);
