// The rows and the sequence that a workgroup works on.
struct Unit {
    batch: u32,
    kv_head: u32,
    first_row: u32,   // first of the group's rows, which are numbered query * group + head
    queries: u32,     // queries of the sequence
    keys: u32,
}

// Queries and keys of a sequence.
fn sizes(batch: u32) -> vec2<u32> {
    let all = vec2<u32>(params.seq_q, params.seq_kv);
    if (LENGTHS) {
        return min(all, lengths[batch]);
    }
    return all;
}

// Keys that a row sees: from x up to y.
fn visible(unit: Unit, row: u32) -> vec2<u32> {
    let query = (unit.first_row + row) / GROUP;
    if (query >= unit.queries) {
        return vec2<u32>();
    }
    let position = i32(query) + i32(unit.keys) - i32(unit.queries);
    let first = clamp(position - params.behind + 1, 0, i32(unit.keys));
    return vec2<u32>(u32(first), u32(clamp(position + params.ahead, first, i32(unit.keys))));
}

// Offset of a key's row of K or V, in elements.
fn row_of(key: u32, unit: Unit, strides: Strides) -> u32 {
    let of_head = strides.offset + unit.kv_head * strides.head;
    if (PAGED) {
        // A page number past the end reads the last page.
        let page = min(table[unit.batch * params.table_row + key / PAGE_SIZE], params.pages - 1u);
        return of_head + page * strides.batch + key % PAGE_SIZE * strides.row;
    }
    return of_head + unit.batch * strides.batch + key * strides.row;
}

// Group `part` of four elements of sixteen bytes.
fn widened(raw: vec4<u32>, part: u32) -> vec4<f32> {
    if (HALF) {
        let pairs = select(raw.xy, raw.zw, part == 1u);
        return vec4<f32>(unpack2x16float(pairs.x), unpack2x16float(pairs.y));
    }
    return bitcast<vec4<f32>>(raw);
}
