import { isObject, type JsonObject, listOf, textOf } from './json.ts';

/** One input of a node class in `GET /object_info`. */
export interface InputSpec {
  name: string;
  required: boolean;
  /** Evaluated only when the node asks for it. */
  lazy: boolean;
  /** `socket` takes links only; `choice` and `field` also have a widget; `branches` is a choice that adds inputs. */
  kind: 'socket' | 'choice' | 'field' | 'branches';
  /** The options of a choice; for a model input, the files visible to ComfyUI. */
  options: readonly string[];
  branches: ReadonlyMap<string, readonly InputSpec[]>;
  /** Whether the editor adds an upload button, which has a place among the widget values. */
  upload: boolean;
}

/** The inputs of a class in the order of their widgets; null when ComfyUI does not have the class. */
export function inputSpecs(objectInfo: unknown, classType: string): InputSpec[] | null {
  const info = classInfo(objectInfo, classType);
  if (!info) return null;
  return specsOf(info['input'], isObject(info['input_order']) ? info['input_order'] : {}, 0);
}

/** Whether a class is an output node; null when ComfyUI does not have the class. */
export function outputFlag(objectInfo: unknown, classType: string): boolean | null {
  const info = classInfo(objectInfo, classType);
  return info ? info['output_node'] === true : null;
}

function classInfo(objectInfo: unknown, classType: string): JsonObject | null {
  if (!isObject(objectInfo) || !Object.hasOwn(objectInfo, classType)) return null;
  const info = objectInfo[classType];
  return isObject(info) ? info : null;
}

function specsOf(input: unknown, order: JsonObject, depth: number): InputSpec[] {
  if (!isObject(input) || depth > 8) return [];
  return ['required', 'optional'].flatMap((group) => {
    const inputs = input[group];
    if (!isObject(inputs)) return [];
    const names = new Set([...listOf(order[group]).map(textOf), ...Object.keys(inputs)]);
    return [...names]
      .filter((name) => Object.hasOwn(inputs, name))
      .map((name) => spec(name, inputs[name], group === 'required', depth));
  });
}

function spec(name: string, definition: unknown, required: boolean, depth: number): InputSpec {
  const [type, rest] = listOf(definition);
  const settings = isObject(rest) ? rest : {};
  const choices = Array.isArray(type) ? type : listOf(settings['options']);
  return {
    name,
    // Inputs that grow in number are required as a group, never under this name.
    required: required && !/^COMFY_(AUTOGROW|DYNAMIC)/.test(textOf(type)),
    lazy: settings['lazy'] === true,
    kind: kindOf(type, settings),
    options: choices.filter((option) => typeof option === 'string'),
    upload: Object.keys(settings).some((key) => key.endsWith('_upload') && settings[key] === true),
    branches: new Map(
      choices.filter(isObject).map((branch) => [textOf(branch['key']), specsOf(branch['inputs'], {}, depth + 1)]),
    ),
  };
}

const fieldTypes = new Set(['INT', 'FLOAT', 'STRING', 'BOOLEAN', 'COLOR', 'CURVE', 'BOUNDING_BOX', 'MARKDOWN']);

function kindOf(type: unknown, settings: JsonObject): InputSpec['kind'] {
  if (type === 'COMFY_DYNAMICCOMBO_V3') return 'branches';
  if (settings['forceInput'] === true) return 'socket';
  if (Array.isArray(type) || type === 'COMBO') return 'choice';
  return fieldTypes.has(textOf(type)) ? 'field' : 'socket';
}
