// Which rows of which head a workgroup works on.
struct Head {
    batch: u32,
    head: u32,      // of Q
    queries: u32,   // of the sequence
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

// Of the other rows of a member of the group, those from `begin` up to `end` in so many blocks, what this dispatch walks:
// from x up to y.
fn walk_of(member: u32, begin: i32, end: i32, blocks: u32) -> vec2<i32> {
    if (BLOCKS_PER_DISPATCH == 0u) {
        return vec2<i32>(begin, end);
    }
    let before = member * blocks;
    let all = vec2<u32>(params.first_step, params.first_step + params.steps);
    let own = clamp(all, vec2<u32>(before), vec2<u32>(before + blocks)) - before;
    return vec2<i32>(begin + i32(own.x * BLOCK), min(begin + i32(own.y * BLOCK), end));
}
