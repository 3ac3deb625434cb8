// Whether real answers are as the OpenAPI file says, field by field: what it does not name is
// wrong here, though readers must bear it.
import { asked, tell, tool, wrong } from './tools.mjs';

const Ajv = tool('ajv/dist/2020').default;
const file = structuredClone(asked.file);

/** Objects with named fields have no others. */
function close(schema) {
  if (Array.isArray(schema)) return schema.forEach(close);
  if (schema === null || typeof schema !== 'object') return;
  if (schema.properties && schema.additionalProperties === undefined) schema.additionalProperties = false;
  Object.values(schema).forEach(close);
}
close(file.components.schemas);
close(file.paths);

const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema(file, 'file');
const pointer = (parts) => 'file#/' + parts.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).map(encodeURIComponent).join('/');

for (const { path, method, status, kind, body } of asked.answers) {
  const where = `${method} ${path} ${status}`;
  let place = ['paths', path, method, 'responses', String(status)];
  let response = file.paths[path]?.[method]?.responses?.[status];
  if (response?.$ref) {
    place = response.$ref.slice(2).split('/');
    response = place.reduce((at, part) => at[part], file);
  }
  if (!response?.content?.[kind]) { wrong(where, `is not described as ${kind}`); continue; }
  const validate = ajv.getSchema(pointer([...place, 'content', kind, 'schema']));
  const texts = kind === 'application/x-ndjson' ? body.split('\n').filter(Boolean) : [body];
  for (const text of texts) {
    if (!validate(JSON.parse(text))) {
      wrong(where, validate.errors.slice(0, 5).map((error) => `${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`).join('; '));
    }
  }
}
for (const { name, body, good } of asked.bodies ?? []) {
  const validate = ajv.getSchema(pointer(['components', 'schemas', name]));
  if (validate(body) !== good) wrong(name, `${JSON.stringify(body)} should be ${good ? 'good' : 'wrong'}`);
}
tell({ looked: asked.answers.length });
