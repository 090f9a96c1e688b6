import { describeWithObjectStore } from '../support/object-store.js';
import { acceptStorage } from './acceptance.js';

describeWithObjectStore('a bucket of an S3 store', (start) => {
  acceptStorage(start);
});
