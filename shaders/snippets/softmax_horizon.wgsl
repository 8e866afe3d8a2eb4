// Elements of a row that the causal mask leaves, counted from its beginning.
fn horizon(row: u32) -> u32 {
    return params.seen + (params.first_row + row) % params.queries;
}

// Columns of a row that have to be read.
fn seen_cols(row: u32) -> u32 {
    if (CAUSAL) {
        return min(params.cols, (horizon(row) + WIDTH - 1u) / WIDTH);
    }
    return params.cols;
}
