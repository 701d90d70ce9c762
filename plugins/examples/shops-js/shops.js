export const normalizer = {
  normalize(method, segments) {
    const at = segments.indexOf("shops");
    if (at < 0 || at + 1 >= segments.length) return undefined;
    return segments.map((segment, i) => (i === at + 1 ? "{shop}" : segment));
  },
};
