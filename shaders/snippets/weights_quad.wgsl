// The words with the quants of a quad, the first two pairs of what is returned. `first` is the block's first word.
fn words_of_quad(first: u32, quad: u32) -> array<u32, BITS> {
    var words: array<u32, BITS>;
    if (BITS == 8u) {
        words[0] = quants[first + quad];
    } else {
        words[0] = quants[first + quad / 2u] >> (8u * (quad % 2u));
        if (BITS == 6u) {
            words[4u % BITS] = quants[first + 4u + quad / 4u] >> (4u * (quad % 4u));
        }
    }
    return words;
}
