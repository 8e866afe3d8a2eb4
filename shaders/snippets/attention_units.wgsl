// With NATURAL a difference of scores is multiplied by TO_LOG2 before exp2, and a score by TO_NATURAL is a natural logarithm.
const TO_LOG2: f32 = 1.0 + f32(NATURAL) * (LOG2_E - 1.0);
const TO_NATURAL: f32 = 1.0 + f32(!NATURAL) * (LN_2 - 1.0);
