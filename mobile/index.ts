import { registerRootComponent } from 'expo';
import App from './App';
import { isDocumentsOnly } from './src/navigation/documents-only';
import { keepPage } from './src/session/keep-page';

registerRootComponent(App);
// With own tables the server shows another page at `/`: a kept copy of this one would hide it.
if (!isDocumentsOnly) keepPage();
