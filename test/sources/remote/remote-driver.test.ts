import { driverContract } from '../driver.contract.ts';
import { hubSubject, s3Subject } from './remote-subject.ts';

driverContract('a bucket', s3Subject);
driverContract('a repository of Hugging Face', hubSubject);
