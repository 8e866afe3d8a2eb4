// A head of Q, and the lengths of its sequence.
struct Head {
    batch: u32,
    head: u32,      // head of Q
    queries: u32,   // queries of the sequence
    keys: u32,
}

// A run of rows in memory: the first vec4 of row 0, vec4 from one row to the next, and how many rows there are.
struct Rows {
    base: u32,
    stride: u32,
    count: u32,
}

fn rows_of(strides: Strides, batch: u32, head: u32, count: u32) -> Rows {
    return Rows((strides.offset + batch * strides.batch + head * strides.head) / 4u, strides.row / 4u, count);
}

// The other rows of query head `member` of the group that this dispatch takes: from x up to y. All of its rows, from `begin`
// up to `end`, are `blocks` blocks.
fn walk_of(member: u32, begin: i32, end: i32, blocks: u32) -> vec2<i32> {
    if (BLOCKS_PER_DISPATCH == 0u) {
        return vec2<i32>(begin, end);
    }
    let before = member * blocks;
    let all = vec2<u32>(params.first_step, params.first_step + params.steps);
    let own = clamp(all, vec2<u32>(before), vec2<u32>(before + blocks)) - before;
    return vec2<i32>(begin + i32(own.x * BLOCK), min(begin + i32(own.y * BLOCK), end));
}
