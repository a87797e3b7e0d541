/**
 * Rectangles with areas in proportion to the values, as near to squares as possible (Bruls, Huizing, van Wijk: Squarified Treemaps).
 * @param values the largest first, all above 0
 * @returns for each value `{ x, y, width, height }` within `width` and `height`
 */
export function squarify(values, width, height) {
  const total = values.reduce((sum, value) => sum + value, 0);
  const areas = values.map((value) => (value / total) * width * height);
  const placed = [];
  let free = { x: 0, y: 0, width, height };
  let row = [];
  for (const area of areas) {
    const side = Math.min(free.width, free.height);
    if (row.length > 0 && worst([...row, area], side) > worst(row, side)) {
      free = place(row, free, placed);
      row = [];
    }
    row.push(area);
  }
  if (row.length > 0) place(row, free, placed);
  return placed;
}

/** The longest form in a row along a side: 1 for a square. */
function worst(row, side) {
  const sum = row.reduce((total, area) => total + area, 0);
  return Math.max((side * side * Math.max(...row)) / (sum * sum), (sum * sum) / (side * side * Math.min(...row)));
}

/** Puts a row along the shorter side. @returns the remaining rectangle */
function place(row, { x, y, width, height }, placed) {
  const thick = row.reduce((total, area) => total + area, 0) / Math.min(width, height);
  let along = 0;
  for (const area of row) {
    const long = area / thick;
    placed.push(
      width >= height ? { x, y: y + along, width: thick, height: long } : { x: x + along, y, width: long, height: thick },
    );
    along += long;
  }
  return width >= height
    ? { x: x + thick, y, width: width - thick, height }
    : { x, y: y + thick, width, height: height - thick };
}
