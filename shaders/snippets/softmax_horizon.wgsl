// Elements of a row that are seen, counted from its beginning.
fn horizon(row: u32) -> u32 {
    return params.seen + (params.first_row + row) % params.queries;
}

// How much of a row has to be read.
fn seen_cols(row: u32) -> u32 {
    if (CAUSAL) {
        return min(params.cols, (horizon(row) + WIDTH - 1u) / WIDTH);
    }
    return params.cols;
}
