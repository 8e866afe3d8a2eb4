//! matmul_aligned: C = activation(alpha * op(A) * op(B) + beta * C + bias) of f16, batched, row-major, on matrix
//! units, in tiles that cover columns and depth exactly.
//!
//! One workgroup computes a TILE_M x TILE_N tile of C, one subgroup a SUBGROUP_M x SUBGROUP_N part of it, in fragments that
//! the subgroup's invocations hold together. The next tiles of A and B are fetched as u32, 16 bytes at a time, while the
//! current ones are multiplied, and are converted to f16 on the way to workgroup memory: WGSL has no load of f16 wider than
//! 8 bytes. Fragments of C pass through workgroup memory too, so that four elements are stored at a time. SUBGROUPS_K
//! subgroups share a part of C, each with a share of every step's depth, and add up their sums there: a small tile has
//! enough invocations to load much at once.
//!
//! With SPLIT_K, K is summed in parts, each by a workgroup of its own, and matmul_reduce adds up the parts. With TAIL this is so
//! for the last TAIL rows of tiles alone: a last round of few tiles would leave most cores without work.
//!
//! With QUANTIZED, B has quantised weights, [N, K]. An invocation fetches blocks of 32 elements of a column and their scales,
//! and makes f16 of them on the way to workgroup memory. The host swaps the snippet weights_q4_0 for that of the format.
//!
//!           TILE_K        TILE_N             TILE_N
//!          +------+     +--------+         +--------+
//!   TILE_M |  A   |  *  |   B    | TILE_K =|   C    | TILE_M
//!          +------+     +--------+         +--------+
//!
//! K is divided into windows of STAGGER * STAGGER_STEPS steps. Workgroups that share rows of A or columns of B begin each
//! window STAGGER_STEPS steps apart and wrap around within it. Each fetches a different part of the window first, and finds
//! the rest in cache. If all began at the same step, all would wait in every step for a tile that is not yet in cache.
//!
//! Intensity: TILE_M * TILE_N / (TILE_M + TILE_N) FLOP/B, 64 at 128 x 128.
//! Workgroup memory: 23.5 KiB. Works for any M, and for N and K that are multiples of the tile, if offsets and strides are
//! multiples of CHUNK and a subgroup has LANES invocations.

enable f16;
enable wgpu_cooperative_matrix;

alias FragmentA = coop_mat16x16<f16, A>;
alias FragmentB = coop_mat16x16<f16, B>;
alias Sums = coop_mat16x16<f32, C>;
alias QuadC = vec4<f32>;   // four elements of the result, f32 or f16
alias Value = vec4<f32>;   // what `activate` takes
alias ValueBits = vec4<i32>;   // the bits of a Value
alias Quants = vec4<u32>;   // one load of quants: vec4<u32>, or vec2<u32> with six bits
const FRAGMENT: u32 = 16;
const LANES: u32 = 32;   // invocations of a subgroup
const SUBGROUPS_VARY: bool = false;   // the device has subgroups of several sizes

const TRANSPOSED_A: bool = false;   // A lies in memory as [K, M]
const TRANSPOSED_B: bool = false;   // B lies in memory as [N, K]
const QUANTIZED: bool = false;  // B has quants and scales in place of elements
const BITS: u32 = 4;           // bits of a quant: 4, 6 or 8
const QUANTS_WIDTH: u32 = 4;   // words of a load of quants
const CLAMP: bool = false;     // tiles may have fewer rows than TILE_M: rows past the last read the last one
const EDGES: bool = false;     // M ends within a tile
const SPLIT_K: u32 = 1;        // parts of K that are summed separately; matmul_reduce adds them up
const TAIL: u32 = 0;           // rows of tiles at the end whose K is in parts, while that of others is not; 0: all are alike
const TILE_M: u32 = 128;       // rows of C per workgroup
const TILE_N: u32 = 128;       // columns of C per workgroup
const TILE_K: u32 = 32;        // depth of one step through K
const UNROLL_K: u32 = 32;      // part of TILE_K that is unrolled
const SUBGROUP_M: u32 = 64;    // rows of C per subgroup
const SUBGROUP_N: u32 = 64;    // columns of C per subgroup
const SUBGROUPS_K: u32 = 1;    // subgroups that share the depth of a step, and add up their sums at the end
const STAGGER: u32 = 8;         // steps of a window at which workgroups begin
const STAGGER_STEPS: u32 = 2;           // steps from one such step to the next
const PAD: u32 = 8;            // elements of padding after each row of a tile: they move the next row to other banks
const PAD_C: u32 = 4;          // f32 of padding after each row of a fragment of C
const GROUP: u32 = 8;          // columns of tiles that are taken row by row, so that their part of B stays in cache
const EPILOGUE: bool = false;   // alpha, beta, bias or activation apply
const BETA: bool = false;       // beta is not 0
const BIAS: bool = false;
const ACTIVATION: u32 = 0;      // 0 none, 1 relu, 2 gelu, 3 silu
const BUDGET: u32 = 0;         // most MFLOP of a dispatch, whose workgroups begin at params.first; 0: no limit

const HAS_TAIL: bool = TAIL > 0;
const CHUNK: u32 = 8;   // elements that one load fetches, 16 bytes
const WIDTH: u32 = 4;   // elements in a vec4, of which tiles consist
const SUBGROUPS_N: u32 = TILE_N / SUBGROUP_N;
const PARTS_C: u32 = TILE_M / SUBGROUP_M * SUBGROUPS_N;   // parts of C
const SUBGROUPS: u32 = PARTS_C * SUBGROUPS_K;
const WORKGROUP: u32 = SUBGROUPS * LANES;
const SUBGROUP_K: u32 = TILE_K / SUBGROUPS_K;             // depth of a step for one subgroup
const FRAGMENTS_M: u32 = SUBGROUP_M / FRAGMENT;
const FRAGMENTS_N: u32 = SUBGROUP_N / FRAGMENT;
const FRAGMENTS_K: u32 = UNROLL_K / FRAGMENT;
const PARTS_K: u32 = SUBGROUP_K / UNROLL_K;
const ROWS_A: u32 = select(TILE_M, TILE_K, TRANSPOSED_A);    // rows of a tile in its layout in memory
const ROWS_B: u32 = select(TILE_K, TILE_N, TRANSPOSED_B);
const COLUMNS_A: u32 = select(TILE_K, TILE_M, TRANSPOSED_A);
const COLUMNS_B: u32 = select(TILE_N, TILE_K, TRANSPOSED_B);
const CHUNKS_A: u32 = COLUMNS_A / CHUNK;            // chunks in a row of a tile
const CHUNKS_B: u32 = COLUMNS_B / CHUNK;
const STRIDE_A: u32 = (COLUMNS_A + PAD) / WIDTH;
const STRIDE_B: u32 = (COLUMNS_B + PAD) / WIDTH;
const PASS_A: u32 = WORKGROUP / CHUNKS_A;           // rows that the workgroup fetches at once
const PASS_B: u32 = WORKGROUP / CHUNKS_B;
const LOADS_A: u32 = ROWS_A / PASS_A;
const LOADS_B: u32 = ROWS_B / PASS_B;
const BLOCKS_B: u32 = (TILE_K + 31u) / 32u;         // blocks of quants in a column of a tile
const QUANT_BLOCKS: u32 = TILE_N * BLOCKS_B;        // blocks of quants in a tile
const LOADS_Q: u32 = (QUANT_BLOCKS + WORKGROUP - 1u) / WORKGROUP;   // blocks that an invocation fetches
const QUADS: u32 = FRAGMENT / WIDTH;                // vec4 in a row of a fragment of C
const STRIDE_C: u32 = (FRAGMENT + PAD_C) / WIDTH;
const SHARERS: u32 = SUBGROUPS_K * LANES;           // invocations that store a fragment of C
const STORES: u32 = (FRAGMENT * QUADS + SHARERS - 1) / SHARERS;   // vec4 of a fragment that an invocation stores
const BLOCK: u32 = 8;                               // rows whose order `row_along_k` changes
const_assert TILE_M % SUBGROUP_M == 0;
const_assert TILE_N % SUBGROUP_N == 0;
const_assert TILE_K % SUBGROUPS_K == 0;
const_assert SUBGROUP_K % UNROLL_K == 0;
const_assert UNROLL_K % FRAGMENT == 0;
const_assert SUBGROUP_M % FRAGMENT == 0;
const_assert SUBGROUP_N % FRAGMENT == 0;
const_assert !QUANTIZED || (TRANSPOSED_B && TILE_K % 32u == 0u);
const_assert PAD % CHUNK == 0;
const_assert PAD_C % WIDTH == 0;
const_assert SUBGROUPS_K > 1 || STORES * LANES == FRAGMENT * QUADS;
const_assert PASS_A * CHUNKS_A == WORKGROUP;
const_assert PASS_B * CHUNKS_B == WORKGROUP;
const_assert LOADS_A * PASS_A == ROWS_A;
const_assert LOADS_B * PASS_B == ROWS_B;
// The index of a chunk is a term that depends on the invocation plus a term that depends on the load.
const_assert TRANSPOSED_A || PASS_A % BLOCK * (BLOCK % PASS_A) == 0;
const_assert !TRANSPOSED_B || PASS_B % BLOCK * (BLOCK % PASS_B) == 0;

@group(0) @binding(0) var<uniform> params: Params;
// A and B are bound as read_write, though nothing writes them: drivers delay loads of read-only buffers until the tile is
// stored. The bias is bound like A and B: it may lie in the same buffer, which cannot be bound in two ways.
@group(0) @binding(1) var<storage, read_write> a: array<vec4<u32>>;      // [batch, M, K]
@group(0) @binding(2) var<storage, read_write> b: array<vec4<u32>>;      // [batch, K, N]
@group(0) @binding(3) var<storage, read_write> bias: array<vec4<f32>>;   // [N]
@group(0) @binding(4) var<storage, read_write> c: array<QuadC>;          // [batch, M, N]
@group(0) @binding(5) var<storage, read_write> tails: array<vec4<f32>>;  // [splits, rows of the tail, N], with TAIL

@group(0) @binding(6) var<storage, read_write> quants: array<Quants>;    // [batch, N, K / 32 * BITS] words, with QUANTIZED
@group(0) @binding(7) var<storage, read_write> scales: array<u32>;       // [batch, N, words of a row's scales]

// Rows of tiles are multiples of 16 bytes: fragments can be loaded from such addresses only.
var<workgroup> a_tile: array<vec4<f16>, ROWS_A * STRIDE_A>;
var<workgroup> b_tile: array<vec4<f16>, ROWS_B * STRIDE_B>;
var<workgroup> c_tile: array<vec4<f32>, SUBGROUPS * FRAGMENT * STRIDE_C>;   // a fragment of each subgroup

@compute @workgroup_size(WORKGROUP)
fn matmul_aligned(
    @builtin(workgroup_id) workgroup_id: vec3<u32>,
    @builtin(num_workgroups) num_workgroups: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
    @builtin(subgroup_id) subgroup_id: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) subgroup_size: u32,
) {
    // A uniform of zeros asks for the size of this pipeline's subgroups.
    if (SUBGROUPS_VARY) {
        if (params.m == 0u) {
            if (local_index == 0u) {
                c[0] = QuadC(vec4<f32>(f32(subgroup_size)));
            }
            return;
        }
    }
    let all_tiles_m = select(params.m, params.m + TILE_M - 1u, EDGES) / TILE_M;
    var id = workgroup_id.y * num_workgroups.x + workgroup_id.x;
    if (BUDGET != 0u) {
        id += params.first;
    }
    // Workgroups are numbered over the rows of tiles from `begin_m` on, those of the tail behind all others.
    var tiles_m = all_tiles_m;
    var begin_m = 0u;
    if (HAS_TAIL) {
        tiles_m = all_tiles_m - TAIL;
        if (id >= tiles_m * params.tiles_n) {
            id -= tiles_m * params.tiles_n;
            begin_m = tiles_m;
            tiles_m = TAIL;
        }
    }
    let tiles = tiles_m * params.tiles_n;
    let plane = id / tiles;
    let tile = id % tiles;
    let group = tile / (GROUP * tiles_m);
    let in_group = tile % (GROUP * tiles_m);
    let columns = min(GROUP, params.tiles_n - group * GROUP);
    let tile_row = in_group / columns;
    let own_row = (begin_m + tile_row) * TILE_M;
    var first_row = own_row;
    if (EDGES && !CLAMP) {
        // The last tile begins earlier, so that it is full. Rows that belong to its neighbour are not stored.
        first_row = min(own_row, params.m - TILE_M);
    }
    let first_column = (group * GROUP + in_group % columns) * TILE_N;
    let part_of_c = subgroup_id % PARTS_C;
    // 0 where no subgroups share a step, as a constant: places of fragments are then constants too.
    let part_of_k = select(subgroup_id / PARTS_C, 0u, SUBGROUPS_K == 1u);
    let subgroup_row = part_of_c / SUBGROUPS_N * SUBGROUP_M;
    let subgroup_column = part_of_c % SUBGROUPS_N * SUBGROUP_N;

    // Workgroups past the last plane only fill the grid: they fetch from the last plane and multiply nothing.
    let own_plane = min(plane, params.planes - 1u);
    var matrix = own_plane;
    var k_begin = 0u;
    var depth = params.k;
    if (SPLIT_K > 1u && (!HAS_TAIL || begin_m > 0u)) {
        matrix = own_plane / params.splits;
        k_begin = own_plane % params.splits * params.split_k;
        depth = min(params.k - k_begin, params.split_k);
    }
    let all_steps = depth / TILE_K;
    let steps = select(0u, all_steps, plane < params.planes);
    let offset = (tile_row + in_group % columns) % STAGGER * STAGGER_STEPS;
    let a_base = params.a_first + matrix * params.a_batch + first_row * params.a_row + k_begin * params.a_k;
    let b_base = params.b_first + matrix * params.b_batch + first_column * params.b_column + k_begin * params.b_k;
    // The last row of A, counted from the tile's first one.
    let last_row = params.m - 1u - first_row;
    let a_first = a_base / CHUNK + place_of_a(local_index, last_row);
    let weights_row = (params.b_first + matrix * params.b_batch) / params.k + first_column;
    let b_first = b_base / CHUNK + row_of_b(local_index / CHUNKS_B) * chunks_of_b() + local_index % CHUNKS_B;

    // Places of the subgroup's first fragments.
    let own_k = part_of_k * SUBGROUP_K;
    let own_a = select(subgroup_row * STRIDE_A + own_k / WIDTH, own_k * STRIDE_A + subgroup_row / WIDTH, TRANSPOSED_A);
    let own_b = select(own_k * STRIDE_B + subgroup_column / WIDTH, subgroup_column * STRIDE_B + own_k / WIDTH, TRANSPOSED_B);
    var sum: array<array<Sums, FRAGMENTS_N>, FRAGMENTS_M>;
    let k_first = depth_of(0u, all_steps, offset);
    var a_next = fetch_a(local_index, a_first, k_first, last_row);
    var b_next: array<vec4<u32>, LOADS_B>;
    var q_next: array<QuantBlock, LOADS_Q>;
    if (QUANTIZED) {
        q_next = fetch_quants(local_index, weights_row, k_begin + k_first);
    } else {
        b_next = fetch_b(b_first, k_first);
    }
    for (var step = 0u; step < steps; step++) {
        keep_a(local_index, a_next);
        if (QUANTIZED) {
            keep_quants(local_index, q_next);
        } else {
            keep_b(local_index, b_next);
        }
        workgroupBarrier();
        // The last step fetches its own tiles once more, which nothing uses: a branch would cost more.
        let next = depth_of(min(step + 1u, all_steps - 1u), all_steps, offset);
        a_next = fetch_a(local_index, a_first, next, last_row);
        if (QUANTIZED) {
            q_next = fetch_quants(local_index, weights_row, k_begin + next);
        } else {
            b_next = fetch_b(b_first, next);
        }
        // A loop stands here even for one trip: without it, drivers unroll the steps and move the fetches to the next one.
        // keep loop
        for (var part = 0u; part < PARTS_K; part++) {
            for (var fragment_k = 0u; fragment_k < FRAGMENTS_K; fragment_k++) {
                let k = part * UNROLL_K + fragment_k * FRAGMENT;
                var a_part: array<FragmentA, FRAGMENTS_M>;
                for (var i = 0u; i < FRAGMENTS_M; i++) {
                    let row = i * FRAGMENT;
                    if (TRANSPOSED_A) {
                        a_part[i] = coopLoad<FragmentA>(&a_tile[own_a + k * STRIDE_A + row / WIDTH], STRIDE_A);
                    } else {
                        a_part[i] = coopLoadT<FragmentA>(&a_tile[own_a + row * STRIDE_A + k / WIDTH], STRIDE_A);
                    }
                }
                for (var j = 0u; j < FRAGMENTS_N; j++) {
                    let column = j * FRAGMENT;
                    var b_part: FragmentB;
                    if (TRANSPOSED_B) {
                        b_part = coopLoad<FragmentB>(&b_tile[own_b + column * STRIDE_B + k / WIDTH], STRIDE_B);
                    } else {
                        b_part = coopLoadT<FragmentB>(&b_tile[own_b + k * STRIDE_B + column / WIDTH], STRIDE_B);
                    }
                    for (var i = 0u; i < FRAGMENTS_M; i++) {
                        sum[i][j] = coopMultiplyAdd(a_part[i], b_part, sum[i][j]);
                    }
                }
            }
        }
        workgroupBarrier();
    }

    if (plane < params.planes) {
        let is_tail = HAS_TAIL && begin_m > 0u;
        let tail_rows = params.m - begin_m * TILE_M;
        let tail_place = (plane * tail_rows + first_row - begin_m * TILE_M + subgroup_row) * params.n;
        let c_place = params.c_first + plane * params.c_batch + (first_row + subgroup_row) * params.c_row;
        let place = select(c_place, tail_place, is_tail) + first_column + subgroup_column;
        let row_step = select(params.c_row, params.n, is_tail);
        for (var i = 0u; i < FRAGMENTS_M; i++) {
            for (var j = 0u; j < FRAGMENTS_N; j++) {
                // naga 30 needs each operand bound by a `let` just before the store.
                let value = sum[i][j];
                let pointer = &c_tile[subgroup_id * FRAGMENT * STRIDE_C];
                let stride = STRIDE_C + 0u;
                coopStoreT(value, pointer, stride);
                workgroupBarrier();
                let own_place = place + i * FRAGMENT * row_step + j * FRAGMENT;
                for (var store = 0u; store < STORES; store++) {
                    let quad = store * SHARERS + part_of_k * LANES + lane;
                    let row = first_row + subgroup_row + i * FRAGMENT + quad / QUADS;
                    let in_tile = STORES * SHARERS == FRAGMENT * QUADS || quad < FRAGMENT * QUADS;
                    if (in_tile && (!EDGES || (row >= own_row && row < params.m))) {
                        let own = (part_of_c * FRAGMENT + quad / QUADS) * STRIDE_C + quad % QUADS;
                        var value = c_tile[own];
                        for (var sharer = 1u; sharer < SUBGROUPS_K; sharer++) {
                            value += c_tile[own + sharer * PARTS_C * FRAGMENT * STRIDE_C];
                        }
                        let quad_place = (own_place + quad / QUADS * row_step) / WIDTH + quad % QUADS;
                        if (HAS_TAIL) {
                            if (is_tail) {
                                tails[quad_place] = value;
                            }
                        }
                        if (!is_tail) {
                            if (EPILOGUE) {
                                value *= params.alpha;
                                if (BETA) {
                                    value += params.beta * vec4<f32>(c[quad_place]);
                                }
                                if (BIAS) {
                                    value += bias[(first_column + subgroup_column + j * FRAGMENT) / WIDTH + quad % QUADS];
                                }
                                value = activate(value);
                            }
                            c[quad_place] = QuadC(value);
                        }
                    }
                }
                workgroupBarrier();
            }
        }
    }
}

fn halves(bytes: vec2<u32>) -> vec4<f16> {
    return vec4<f16>(vec4<f32>(unpack2x16float(bytes.x), unpack2x16float(bytes.y)));
}

// The row of a tile that is fetched as number `row`. If rows run along K, neighbours would store to rows of 32 elements that
// share banks. Rows four apart do not share banks.
fn row_along_k(row: u32, along_k: bool) -> u32 {
    if (!along_k) {
        return row;
    }
    return (row & 0xfffffff8u) | ((row & 1u) << 2u) | ((row & 6u) >> 1u);
}

fn row_of_a(row: u32) -> u32 {
    return row_along_k(row, !TRANSPOSED_A);
}

fn row_of_b(row: u32) -> u32 {
    return row_along_k(row, TRANSPOSED_B);
}

// Chunks from one row of A to the next in memory.
fn chunks_of_a() -> u32 {
    return select(params.a_row, params.a_k, TRANSPOSED_A) / CHUNK;
}

fn chunks_of_b() -> u32 {
    return select(params.b_k, params.b_column, TRANSPOSED_B) / CHUNK;
}

// Distance of the invocation's first chunk of A from that of the tile. With CLAMP, rows are added by `fetch_a`.
fn place_of_a(local_index: u32, last_row: u32) -> u32 {
    let chunk = local_index % CHUNKS_A;
    if (CLAMP && !TRANSPOSED_A) {
        return chunk;
    }
    return row_of_a(local_index / CHUNKS_A) * chunks_of_a() + select(chunk, min(chunk, last_row / CHUNK), CLAMP);
}

// The invocation's chunks of the tile of A at `k`. `first` is the index of its first chunk at k = 0.
fn fetch_a(local_index: u32, first: u32, k: u32, last_row: u32) -> array<vec4<u32>, LOADS_A> {
    let at = first + select(k / CHUNK, k * chunks_of_a(), TRANSPOSED_A);
    var chunks: array<vec4<u32>, LOADS_A>;
    for (var load = 0u; load < LOADS_A; load++) {
        var row = row_of_a(load * PASS_A);
        if (CLAMP && !TRANSPOSED_A) {
            row = min(row + row_of_a(local_index / CHUNKS_A), last_row);
        }
        chunks[load] = a[at + row * chunks_of_a()];
    }
    return chunks;
}

fn fetch_b(first: u32, k: u32) -> array<vec4<u32>, LOADS_B> {
    let at = first + select(k * chunks_of_b(), k / CHUNK, TRANSPOSED_B);
    var chunks: array<vec4<u32>, LOADS_B>;
    for (var load = 0u; load < LOADS_B; load++) {
        chunks[load] = b[at + row_of_b(load * PASS_B) * chunks_of_b()];
    }
    return chunks;
}

// A block of 32 quants, and the scale, centre and minimum of each of its groups.
struct QuantBlock {
    words: array<u32, BITS>,
    groups: array<vec3<f32>, GROUPS>,
}

// The invocation's blocks of the tile of B at `k`. `first` is the row of the tile's first column among all weights.
fn fetch_quants(local_index: u32, first: u32, k: u32) -> array<QuantBlock, LOADS_Q> {
    var blocks: array<QuantBlock, LOADS_Q>;
    for (var load = 0u; load < LOADS_Q; load++) {
        let place = min(load * WORKGROUP + local_index, QUANT_BLOCKS - 1u);
        let row = first + place / BLOCKS_B;
        let block = k / 32u + place % BLOCKS_B;
        blocks[load].words = load_quants(row * (params.k / 32u) + block);
        for (var group = 0u; group < GROUPS; group++) {
            blocks[load].groups[group] = load_scales(row, block, group);
        }
    }
    return blocks;
}

fn keep_quants(local_index: u32, blocks: array<QuantBlock, LOADS_Q>) {
    for (var load = 0u; load < LOADS_Q; load++) {
        let place = load * WORKGROUP + local_index;
        if (LOADS_Q * WORKGROUP == QUANT_BLOCKS || place < QUANT_BLOCKS) {
            let at = place / BLOCKS_B * STRIDE_B + place % BLOCKS_B * (32u / WIDTH);
            for (var quad = 0u; quad < 8u; quad++) {
                b_tile[at + quad] = halves_of_quad(blocks[load].words, quad, blocks[load].groups[quad * GROUPS / 8u]);
            }
        }
    }
}

// Weights of elements 4 * quad to 4 * quad + 3 of a block. Where a scale is an f16 and nothing is added, the integer is one
// too, and their product is rounded once.
fn halves_of_quad(words: array<u32, BITS>, quad: u32, found: vec3<f32>) -> vec4<f16> {
    if (SCALE_IS_F16) {
        let pairs = vec2<u32>(pair_of(words, 2u * quad), pair_of(words, 2u * quad + 1u)) | vec2<u32>(0x64006400u);
        return (halves(pairs) - vec4<f16>(f16(1024.0 + found.y))) * f16(found.x);
    }
    let centred = vec4<f32>(centred_pair(words, 2u * quad, found.y), centred_pair(words, 2u * quad + 1u, found.y));
    return vec4<f16>(centred * found.x + found.z);
}

fn keep_a(local_index: u32, a_chunks: array<vec4<u32>, LOADS_A>) {
    let a_first = row_of_a(local_index / CHUNKS_A) * STRIDE_A + local_index % CHUNKS_A * (CHUNK / WIDTH);
    for (var load = 0u; load < LOADS_A; load++) {
        let place = a_first + row_of_a(load * PASS_A) * STRIDE_A;
        a_tile[place] = halves(a_chunks[load].xy);
        a_tile[place + 1u] = halves(a_chunks[load].zw);
    }
}

fn keep_b(local_index: u32, b_chunks: array<vec4<u32>, LOADS_B>) {
    let b_first = row_of_b(local_index / CHUNKS_B) * STRIDE_B + local_index % CHUNKS_B * (CHUNK / WIDTH);
    for (var load = 0u; load < LOADS_B; load++) {
        let place = b_first + row_of_b(load * PASS_B) * STRIDE_B;
        b_tile[place] = halves(b_chunks[load].xy);
        b_tile[place + 1u] = halves(b_chunks[load].zw);
    }
}

// The k of step number `step` of `steps`, for a workgroup that begins `offset` steps into each window. Steps after the last
// whole window are taken in order.
fn depth_of(step: u32, steps: u32, offset: u32) -> u32 {
    let window = STAGGER * STAGGER_STEPS;
    let first = step / window * window;
    var place = step;
    if (first + window <= steps) {
        place = first + (step + offset) % window;
    }
    return place * TILE_K;
}

// snippet weights_q4_0
const GROUPS: u32 = 1;   // groups with a scale of their own in a block of 32
const HAS_MINIMUM: bool = false;
const SCALE_IS_F16: bool = true;

// Scale, centre and minimum of a group: a weight is (quant - centre) * scale + minimum.
fn load_scales(row: u32, block: u32, group: u32) -> vec3<f32> {
    let word = scales[row * ((params.k / 32u + 1u) / 2u) + block / 2u];
    return vec3<f32>(unpack2x16float(word >> (16u * (block % 2u))).x, 8.0, 0.0);
}
// end

// snippet weights_quants
// The words of the quants of block `block`, counted from the first row's first one.
fn load_quants(block: u32) -> array<u32, BITS> {
    var words: array<u32, BITS>;
    for (var i = 0u; i < BITS / QUANTS_WIDTH; i++) {
        let loaded = quants[block * (BITS / QUANTS_WIDTH) + i];
        for (var j = 0u; j < QUANTS_WIDTH; j++) {
            words[i * QUANTS_WIDTH + j] = loaded[j];
        }
    }
    return words;
}
// end

// snippet weights_pairs
// Quants of elements 2 * pair and 2 * pair + 1 of a block, in the halves of a word.
fn pair_of(words: array<u32, BITS>, pair: u32) -> u32 {
    if (BITS == 8u) {
        return (words[pair / 2u] >> (8u * (pair % 2u))) & 0xff00ffu;
    }
    let low = (words[pair / 4u] >> (4u * (pair % 4u))) & 0xf000fu;
    if (BITS == 6u) {
        return low | (((words[(4u + pair / 8u) % BITS] >> (2u * (pair % 8u))) & 0x30003u) << 4u);
    }
    return low;
}

// The two quants of a pair as floats, less the centre of their group. An f16 of 1024 has an integer below 1024 in its mantissa, and
// conversions of f16 are cheaper than those of integers.
fn centred_pair(words: array<u32, BITS>, pair: u32, centre: f32) -> vec2<f32> {
    return unpack2x16float(pair_of(words, pair) | 0x64006400u) - (1024.0 + centre);
}
// end

// snippet matmul_params
struct Params {
    m: u32,
    n: u32,
    k: u32,
    tiles_n: u32,    // workgroups along a row of C
    planes: u32,     // batch * splits
    splits: u32,     // parts of K
    split_k: u32,    // depth of a part
    a_first: u32,    // elements before the first one of the operand
    b_first: u32,
    c_first: u32,
    a_row: u32,      // elements from one row of op(A) to the next
    a_k: u32,        // elements from one k to the next
    b_k: u32,
    b_column: u32,
    c_row: u32,
    a_batch: u32,    // elements from one matrix to the next
    b_batch: u32,
    c_batch: u32,
    alpha: f32,
    beta: f32,
    first: u32,      // workgroups of earlier dispatches, if BUDGET is not 0
}
// end

// snippet matmul_activate
// Tests are on bits: `max` may ignore NaN, and compilers that assume that there is none make `max` of a comparison.
const NEGATIVE_INFINITY: i32 = -0x800000;   // bits of -inf; those of other negative numbers are less

fn activate(x: Value) -> Value {
    if (ACTIVATION == 1u) {
        return select(x, Value(0.0), bitcast<ValueBits>(x) <= ValueBits(NEGATIVE_INFINITY));
    }
    // gelu by tanh (Hendrycks and Gimpel 2016) and silu are x / (1 + exp(-t)). The exponent is never above 0.
    if (ACTIVATION == 2u) {
        return x * logistic(1.5957691216 * (x + 0.044715 * x * x * x));
    }
    if (ACTIVATION == 3u) {
        return x * logistic(x);
    }
    return x;
}

// 1 / (1 + exp(-t))
fn logistic(t: Value) -> Value {
    let e = exp(-abs(t));
    return select(Value(1.0), e, t < Value(0.0)) / (1.0 + e);
}
// end
