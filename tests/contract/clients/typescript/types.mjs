// Writes the types of openapi.yaml for openapi-fetch: node types.mjs OPENAPI OUT
//
// The transform is the documented one for binary content, which openapi-typescript types as string otherwise.

import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const [document, out] = process.argv.slice(2);
const blob = ts.factory.createTypeReferenceNode("Blob");
const transform = (schema) => (schema.format === "binary" ? blob : undefined);
writeFileSync(out, astToString(await openapiTS(pathToFileURL(document), { transform })));
