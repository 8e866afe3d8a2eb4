let other_head = select(own_head / params.group, own_head * params.group + member, KEYS);
let head = Head(batch, select(own_head, other_head, KEYS), lengths.x, lengths.y);
var other_1 = rows_of(params.k, batch, other_head, other_count);
var other_2 = rows_of(params.v, batch, other_head, other_count);
if (KEYS) {
    other_1 = rows_of(params.q, batch, other_head, other_count);
    other_2 = rows_of(params.o, batch, other_head, other_count);
}
let walk = walk_of(member, begin, end, blocks);
