batch: u32,
heads: u32,           // of Q and O
group: u32,           // query heads to a key head
seq_q: u32,
seq_kv: u32,
head_dim: u32,
value_dim: u32,
ahead: i32,           // a query at p sees keys before p + ahead
behind: i32,          // and after p - behind
scale: f32,           // of Q times K
soft_cap: f32,        // 0 for none
first: u32,           // where the work of this dispatch begins
q: Strides,
k: Strides,
v: Strides,
o: Strides,
bias: Strides,
page_size: u32,
pages: u32,
table_row: u32,       // pages of a sequence
neg_inf: f32,         // -inf, which WGSL cannot write
