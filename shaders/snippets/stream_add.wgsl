values[j] = Wide(a[i]) + Wide(b[i]);
