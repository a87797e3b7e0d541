import { bufferOf } from '../runtime/buffer-of.ts';
import { alignment, type Placed } from './layout.ts';
import { mostNumbers, type NarrowType, NumberMemory, widthOf } from './number-memory.ts';
import { noteBytes, type Step, type VariantPlan, type WideTensor } from './plan.ts';
import type { Recipe } from './recipe.ts';
import { type LayerReport, layerReport } from './report.ts';
import { CostSum, chooseEight, eachRow, fp8Scale, int8Scale, type Part, roundRows, sampleFp8, sixteenFor } from './rounding.ts';

/** The input and output of a derivation, both positional. Bytes that do not stay in memory are read again by each pass. */
export interface DeriveFiles {
  /** Fills `into` with the source's bytes from `position` on. */
  read(into: Uint8Array, position: number): void;
  /** Takes bytes of the variant, at a position after its header. */
  write(bytes: Uint8Array, position: number): void;
  /** Told each byte of the source once, in order. */
  seen(bytes: Uint8Array): void;
  /** Called between two steps of at most some hundred KiB of the source. @param isFirst whether these bytes are new */
  step(bytes: number, isFirst: boolean): Promise<void>;
}

type Made = Exclude<Step, { how: 'drop' }>;
type EightStep = Extract<Step, { how: 'eight' }>;

/** Size of a step that copies bytes unchanged. */
const keptBytes = 512 * 1024;

/** Maximum bytes of a tensor that stay in memory from one pass to the next; most layers of Flux and Wan have fewer. */
const mostHeld = 64 * 1024 * 1024;

/** Makes a variant of a source by its plan, in memory of a fixed size. */
export class Derivation {
  readonly #plan: VariantPlan;
  readonly #recipe: Recipe;
  readonly #files: DeriveFiles;
  readonly #memory: NumberMemory;
  /** The tensor whose first bytes are in memory. */
  #held: WideTensor | null = null;
  readonly #kept = Buffer.alloc(keptBytes);
  readonly #tensors: Placed[] = [];
  readonly #layers: LayerReport[] = [];
  #end = 0;

  constructor(plan: VariantPlan, recipe: Recipe, files: DeriveFiles) {
    this.#plan = plan;
    this.#recipe = recipe;
    this.#files = files;
    const largest = plan.steps.reduce(
      (most, step) => Math.max(most, isRounded(step) ? step.tensor.end - step.tensor.begin : 0),
      0,
    );
    this.#memory = new NumberMemory(Math.min(mostHeld, largest));
  }

  /** @returns the tensors with their places, the report's layers, and the end of the last tensor */
  async run(): Promise<{ tensors: readonly Placed[]; layers: readonly LayerReport[]; end: number }> {
    const last: Made[] = [];
    for (const step of this.#plan.steps) {
      // Tensors that do not end at a multiple of eight bytes come last, so that no later one is misaligned.
      if (step.how === 'drop') await this.#pass(step);
      else if (step.how === 'eight' || lengthOf(step) % alignment === 0) await this.#make(step, true);
      else {
        last.push(step);
        await this.#pass(step);
      }
    }
    const widest = last.toSorted((a, b) => widthIn(b) - widthIn(a));
    for (const step of widest) await this.#make(step, false);
    return { tensors: this.#tensors, layers: this.#layers, end: this.#end };
  }

  async #make(step: Made, isFirst: boolean): Promise<void> {
    if (step.how === 'keep') return this.#keep(step, isFirst);
    if (step.how === 'sixteen') return this.#sixteen(step.tensor, isFirst);
    return this.#eight(step);
  }

  /** Only reads the bytes of a tensor. */
  async #pass({ tensor }: Step): Promise<void> {
    await this.#inPieces(tensor.begin, tensor.end, (bytes) => this.#files.seen(bytes));
  }

  async #keep({ tensor }: Pick<Step, 'tensor'>, isFirst: boolean): Promise<void> {
    const begin = this.#place(tensor.name, tensor.dtype, tensor.shape, tensor.end - tensor.begin);
    await this.#inPieces(tensor.begin, tensor.end, (bytes, position) => {
      if (isFirst) this.#files.seen(bytes);
      this.#files.write(bytes, begin + position - tensor.begin);
    });
  }

  /** Rounds to 16 bits. Small numbers have fewer digits in fp16: if that costs more than bf16 does for all numbers, bf16 is used. */
  async #sixteen(tensor: WideTensor, isFirst: boolean): Promise<void> {
    let largest = 0;
    const count = countOf(tensor);
    await this.#inParts(tensor, count, isFirst, (part) => {
      largest = Math.max(largest, this.#memory.largest(0, part.count));
    });
    const [type, other] = sixteenFor(this.#recipe.to, largest).filter((one) => one !== tensor.dtype);
    if (!type) return this.#left(tensor);
    const begin = this.#end;
    const [sum, inOther] = [new CostSum(), new CostSum()];
    await this.#inParts(tensor, count, false, (part) => {
      if (other) inOther.add(this.#memory.round(other, 0, part.count));
      sum.add(this.#memory.round(type, 0, part.count));
      this.#files.write(this.#memory.bytesOf(type, part.count), begin + 2 * part.at);
    });
    const isBetter = other !== undefined && inOther.noise < sum.noise;
    if (isBetter) await this.#rounded(tensor, count, { type: other, begin, scale: 1, sum: new CostSum() });
    const taken = isBetter ? other : type;
    this.#place(tensor.name, taken, tensor.shape, 2 * count);
    this.#layers.push(layerReport(tensor.name, taken, isBetter ? inOther : sum, largest));
  }

  /** Keeps a tensor unchanged that was to be rounded. */
  #left(tensor: WideTensor): Promise<void> {
    this.#layers.push(layerReport(tensor.name, tensor.dtype, new CostSum(), 0));
    return this.#keep({ tensor }, false);
  }

  async #eight(step: EightStep): Promise<void> {
    const { tensor, rows, columns } = step;
    const largest = new Float32Array(rows);
    await this.#inParts(tensor, columns, true, (part) =>
      eachRow(part, (row, from, length) => {
        const found = this.#memory.largest(from, length);
        // The maximum of a number and none is none.
        largest[row] = Math.max(largest[row] ?? 0, found);
      }),
    );
    const most = largest.reduce((a, b) => Math.max(a, b), 0);
    const scale = fp8Scale(most);
    const made = scale === null ? null : await this.#inEight(step, { scale, scales: largest.map(int8Scale) });
    if (made) this.#layers.push(layerReport(tensor.name, made.type, made.sum, most));
    else await this.#left(tensor);
  }

  /** @returns the chosen format; null when both would cost too much, with nothing placed */
  async #inEight(
    step: EightStep,
    { scale, scales }: { scale: number; scales: Float32Array },
  ): Promise<{ type: NarrowType; sum: CostSum } | null> {
    const { tensor, rows, columns } = step;
    const count = rows * columns;
    const { to } = this.#recipe;
    const whole = Buffer.from(Float32Array.of(scale).buffer);
    const byRows = bufferOf(scales);
    if (to !== 'fp8') {
      const [sum, sample] = [new CostSum(), new CostSum()];
      const begin = this.#end + byRows.length;
      await this.#inParts(tensor, columns, false, (part) => {
        if (to === 'auto8') sampleFp8(this.#memory, part, scale, sample);
        roundRows(this.#memory, part, scales, sum);
        this.#files.write(this.#memory.bytesOf('I8', part.count), begin + part.at);
      });
      const chosen = to === 'auto8' ? chooseEight(sum, sample) : 'I8';
      if (chosen === null) return null;
      if (chosen === 'I8') {
        this.#placeEight(step, 'I8', { bytes: byRows, shape: [rows, 1] });
        return { type: 'I8', sum };
      }
    }
    const sum = new CostSum();
    const begin = this.#placeEight(step, 'F8_E4M3', { bytes: whole, shape: [] });
    await this.#rounded(tensor, count, { type: 'F8_E4M3', begin, scale, sum });
    return { type: 'F8_E4M3', sum };
  }

  async #rounded(
    tensor: WideTensor,
    columns: number,
    { type, begin, scale, sum }: { type: NarrowType; begin: number; scale: number; sum: CostSum },
  ): Promise<void> {
    await this.#inParts(tensor, columns, false, (part) => {
      sum.add(this.#memory.round(type, 0, part.count, scale));
      this.#files.write(this.#memory.bytesOf(type, part.count), begin + widthOf[type] * part.at);
    });
  }

  /** Places the scale, the weight, and the note by which ComfyUI recognises the format, padded to a multiple of eight bytes. */
  #placeEight({ tensor, rows, columns }: EightStep, type: 'I8' | 'F8_E4M3', scale: { bytes: Buffer; shape: number[] }): number {
    const layer = tensor.name.replace(/\.?weight$/, '');
    const name = (of: string) => (layer === '' ? of : `${layer}.${of}`);
    const scaleAt = this.#place(name('weight_scale'), 'F32', scale.shape, scale.bytes.length);
    this.#files.write(scale.bytes, scaleAt);
    const begin = this.#place(tensor.name, type, tensor.shape, rows * columns);
    const format = type === 'I8' ? 'int8_tensorwise' : 'float8_e4m3fn';
    const note = JSON.stringify({ format, ...(!this.#recipe.fastMatmul && { full_precision_matrix_mult: true }) });
    const length = noteBytes - ((this.#end + noteBytes) % alignment);
    this.#files.write(Buffer.from(note.padEnd(length)), this.#place(name('comfy_quant'), 'U8', [length], length));
    return begin;
  }

  /** @returns the start of its bytes */
  #place(name: string, dtype: string, shape: number[], length: number): number {
    const begin = this.#end;
    this.#end += length;
    this.#tensors.push({ name, dtype, shape, begin, end: this.#end });
    return begin;
  }

  /** Reads a tensor part by part into the memory of numbers. @param isFirst whether its bytes are new */
  async #inParts(tensor: WideTensor, columns: number, isFirst: boolean, each: (part: Part) => void): Promise<void> {
    const [width, all] = [widthOf[tensor.dtype], countOf(tensor)];
    const isHeld = this.#held === tensor;
    for (let at = 0; at < all; at += mostNumbers) {
      const numbers = { at, count: Math.min(mostNumbers, all - at) };
      const bytes = this.#memory.placeFor(tensor.dtype, numbers);
      if (!isHeld || !this.#memory.holds(tensor.dtype, numbers)) this.#files.read(bytes, tensor.begin + width * at);
      if (isFirst) this.#files.seen(bytes);
      this.#memory.take(tensor.dtype, numbers);
      each({ ...numbers, columns });
      await this.#files.step(bytes.length, isFirst);
    }
    this.#held = tensor;
  }

  async #inPieces(begin: number, end: number, each: (bytes: Uint8Array, position: number) => void): Promise<void> {
    for (let at = begin; at < end; at += keptBytes) {
      const bytes = this.#kept.subarray(0, Math.min(keptBytes, end - at));
      this.#files.read(bytes, at);
      each(bytes, at);
      await this.#files.step(bytes.length, true);
    }
  }
}

const isRounded = ({ how }: Step) => how === 'eight' || how === 'sixteen';
const countOf = ({ dtype, begin, end }: WideTensor) => (end - begin) / widthOf[dtype];

/** Bytes in the variant of a tensor that is not quantised to eight bits. */
function lengthOf(step: Exclude<Made, EightStep>): number {
  return step.how === 'sixteen' ? 2 * countOf(step.tensor) : step.tensor.end - step.tensor.begin;
}

/** Bytes of one number in the variant, for its alignment. */
function widthIn({ how, tensor }: Step): number {
  if (how === 'sixteen') return 2;
  const numbers = tensor.shape.reduce((product, side) => product * side, 1);
  return numbers === 0 ? 0 : Math.floor((tensor.end - tensor.begin) / numbers);
}
