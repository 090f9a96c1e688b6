import { registerRootComponent } from 'expo';
import App from './App';
import { isDocumentsOnly } from './src/navigation/documents-only';
import { keepPage } from './src/session/keep-page';

registerRootComponent(App);
// A page that were kept would stand at `/`, where a server with own tables has another one.
if (!isDocumentsOnly) keepPage();
