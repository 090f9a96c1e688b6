import { registerRootComponent } from 'expo';
import App from './App';
import { keepPage } from './src/session/keep-page';

registerRootComponent(App);
keepPage();
